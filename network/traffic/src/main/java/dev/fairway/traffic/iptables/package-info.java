// SPDX-License-Identifier: Apache-2.0
/// The rules of Services in iptables, as kube-proxy writes them: its chains, their names, the order
/// and the words of their rules, for the people and tools that know them.
///
/// Each port has a chain `KUBE-SVC-…` that chooses among the chains `KUBE-SEP-…` of its endpoints,
/// and, where it needs them, `KUBE-SVL-…` for endpoints of this node, `KUBE-EXT-…` for what comes
/// from outside and `KUBE-FW-…` for who may use its load balancer. A packet compares itself with
/// every Service in turn, so both packets and changes cost more the more there are:
/// [dev.fairway.traffic.nftables] has not that cost.
///
/// What kube-proxy's layout cannot say is not there: ports of a cluster address that nobody serves
/// are not refused, and cluster addresses that no Service has are not dropped.
///
/// Source: `pkg/proxy/iptables` of Kubernetes 1.33; KEP-3453 for changes of few chains.
@NullMarked
package dev.fairway.traffic.iptables;

import org.jspecify.annotations.NullMarked;
