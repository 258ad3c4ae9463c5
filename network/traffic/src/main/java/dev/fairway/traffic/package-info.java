// SPDX-License-Identifier: Apache-2.0
/// Services on a node: a connection to a Service's address or node port goes to one of its
/// endpoints.
///
/// The cluster's Services and EndpointSlices become rules ([dev.fairway.traffic.rules]), which a
/// datapath carries out in the kernel ([dev.fairway.traffic.nftables],
/// [dev.fairway.traffic.iptables], [dev.fairway.traffic.ebpf]). What is loaded lives there and
/// outlives the agent: a restart replaces it in one transaction, and connections that are
/// established keep their endpoint, because connection tracking remembers it.
///
/// Source addresses are kept, except where answers would not find back: connections to a cluster
/// address from outside the pod network (the node itself too), to a node port or external address
/// with policy `Cluster`, from the node itself to one with policy `Local`, and from a pod to
/// itself.
///
/// Stricter than kube-proxy: `loadBalancerSourceRanges` that name only one IP family close the
/// other, and endpoints that are loopback or link-local addresses or belong to another namespace's
/// object or pod are not used.
///
/// Limits: node ports are not served at loopback addresses. A client that ends connections by
/// resets and uses the same port again within ten seconds may meet the endpoint of the one before,
/// gone or not: connection tracking remembers it where something was sent twice
/// (`nf_conntrack_proto_tcp.c`), and no datapath but `ebpf` inside the cluster is free of it.
@NullMarked
package dev.fairway.traffic;

import org.jspecify.annotations.NullMarked;
