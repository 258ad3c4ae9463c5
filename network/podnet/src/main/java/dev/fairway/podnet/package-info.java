// SPDX-License-Identifier: Apache-2.0
/// Can the packet get there? Any pod reaches any pod.
///
/// [PodNetwork] is the front door: one node's agent. It answers the CNI executable (`cni`), gives
/// addresses out of the node's range (`ipam`), makes each pod's wire (`attach`), and keeps the
/// kernel's way to other nodes' pods as the Node objects ask (`nodes`, `forwarding`, and one
/// package a backend: `vxlan`, `routes`, `bgp`). Pods of one node and of two are joined past the
/// stack where that can be (`fastpath`), and send only as themselves (`guard`). All of it lives in
/// the kernel and outlives the process. Not here: Services, policy, names.
@NullMarked
package dev.fairway.podnet;

import org.jspecify.annotations.NullMarked;
