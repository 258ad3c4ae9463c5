// SPDX-License-Identifier: Apache-2.0
/// NetworkPolicy and ClusterNetworkPolicy on a node: which connections of its pods may be.
///
/// The objects become [Policy] and [ClusterPolicy] values, and with the cluster's pods, namespaces
/// and nodes [PolicyRules]: what each pod of this node that they are about may be sent and may
/// send. A pod's chain is that of the tier that is asked first, and leads to the next: policies of
/// the Admin tier, NetworkPolicy, and the Baseline tier if no NetworkPolicy isolates the pod. The
/// difference between rules is one nf_tables transaction. A packet of an established connection
/// pays one comparison; the first of a connection two look-ups, however many policies there are,
/// and then the distinct rules of its own pods:
///
/// ```
/// map from { address of a pod with policies : jump to what it may send }
/// map to   { address of a pod with policies : jump to what it may be sent }
/// set pods-… { addresses of the pods that one selector means }
/// ```
///
/// Rules see real addresses: behind a Service's translation, before masquerading. What is dropped
/// is counted by pod and direction, or by the ClusterNetworkPolicy that denies it. All of it is in
/// tables called `fairway-policy`, which outlive the agent. They are there without a policy, too:
/// they make the kernel track connections, so that those which are open when the first policy comes
/// can be judged.
///
/// What counts: a pod and itself may always talk, and so may the node to its own pods (its probes
/// come that way). What a pod sends to its own node is judged as any other; the cluster's DNS that
/// is served by the node stands for the pod it usually is. A connection that is newly denied is cut
/// at once. For that, a TCP packet of an isolated pod that belongs to no known connection and
/// begins none is dropped; connections that took the fast path before their pod was isolated are
/// made known first ([dev.fairway.net.Bypass]). A pod cannot send before its policies are loaded,
/// and has all addresses that it was connected with, whatever its object says
/// ([dev.fairway.net.PodGate]). From link-local addresses, which no rule knows a pod by, pods send
/// their node nothing but neighbour discovery and reports of groups.
///
/// Limits: UDP has no beginning, so an answer that is under way when a flow is cut begins one the
/// other way round, which is then judged as such. ICMP is allowed only by rules without ports, and
/// is not cut. Where one policy cannot be read, it isolates what it selects and allows nothing.
/// Pods that use the host's network are not selected, and known as peers by `ipBlock`, `networks`
/// and `nodes` only. Peers by `domainNames` are not supported. What a pod sends to a multicast
/// group, where the pod network passes that on at all, meets no rule.
@NullMarked
package dev.fairway.traffic.policy;

import org.jspecify.annotations.NullMarked;
