// SPDX-License-Identifier: Apache-2.0
/// How any part of Fairway follows a cluster and acts on it.
///
/// A part never sees single events. It is given the cluster as an immutable [ClusterImage] and a
/// [Delta] that says what changed since its last call; the first list, a re-list and a restart look
/// like any other delta. What it does with that is level-triggered: work out what should be,
/// compare it with what is, act. [WorkQueue] serves parts whose work is by object and talks to the
/// API.
///
/// It works against any Kubernetes API server. It holds the followed kinds in memory, so follow
/// what is needed and no more ([Selection]).
@NullMarked
package dev.fairway.reconcile;

import org.jspecify.annotations.NullMarked;
