// SPDX-License-Identifier: Apache-2.0
/// Keeps as many pods as a ReplicaSet asks for.
///
/// Pods that match without an owner are adopted, pods that no longer match are let go. When pods
/// must go, those that are missed least go first ([PodRanking]).
@NullMarked
package dev.fairway.controllers.replicaset;

import org.jspecify.annotations.NullMarked;
