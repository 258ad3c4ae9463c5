// SPDX-License-Identifier: Apache-2.0
/// Keeps one pod of a DaemonSet on every node that it selects and tolerates.
///
/// Pods go through the scheduler, pinned to their node by a node affinity. A changed template
/// replaces pods node by node. Revisions are told apart by a label; there is no
/// `ControllerRevision` yet, so `kubectl rollout undo` does not work for DaemonSets.
@NullMarked
package dev.fairway.controllers.daemonset;

import org.jspecify.annotations.NullMarked;
