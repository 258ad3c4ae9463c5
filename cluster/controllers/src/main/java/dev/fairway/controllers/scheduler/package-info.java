// SPDX-License-Identifier: Apache-2.0
/// Finds a node for each pod that has none.
///
/// [Scheduling] is pure: filters say which nodes could run the pod and why the others could not,
/// scores choose among them. [Scheduler] keeps the pending pods, assumes its own bindings until the
/// watch shows them, and tries unschedulable pods again when the cluster changes in a way that may
/// help. There is no preemption and there are no plug-ins; volumes do not restrict the choice.
@NullMarked
package dev.fairway.controllers.scheduler;

import org.jspecify.annotations.NullMarked;
