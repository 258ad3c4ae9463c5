// SPDX-License-Identifier: Apache-2.0

/// Runs the pods of one node.
///
/// [Kubelet] follows the pods bound to its node. Each pod has a worker on a virtual thread of its
/// own, which looks at the pod and at what the runtime has of it ([ObservedPod]), asks [PodPlan]
/// for the steps from one to the other, and takes them. The same loop serves a new pod, a crash, a
/// restart of this process and a reboot of the machine; nothing about pods is kept on disk but
/// their volumes. What became of the pod is computed by [PodStatuses] and sent by [StatusReporter].
///
/// Limits: Linux and cgroupfs only; no device plugins, no eviction, no CSI, no image removal, no
/// static pods.
@NullMarked
package dev.fairway.kubelet;

import org.jspecify.annotations.NullMarked;
