// SPDX-License-Identifier: Apache-2.0
/// The controllers and the scheduler of a cluster, one package each.
///
/// Every controller has a pure part, which looks at objects and answers with a list of steps, and a
/// loop that applies the steps when the cluster changes. [Controllers#start] holds the one list of
/// all of them. They talk to any API server through the ordinary client. There is no leader
/// election: one process runs them.
@NullMarked
package dev.fairway.controllers;

import org.jspecify.annotations.NullMarked;
