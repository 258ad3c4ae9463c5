// SPDX-License-Identifier: Apache-2.0
/// Services on a node: a connection to a Service's address or node port goes to one of its
/// endpoints.
///
/// The cluster's Services and EndpointSlices become a [RuleSet], a pure value; the difference
/// between the rules that are loaded and those that are wanted is a [Plan]; a plan is one nf_tables
/// transaction. Two maps hold everything, so a packet pays one look-up however many Services there
/// are, and a changed endpoint costs one element:
///
/// ```
/// map services  { address . protocol . port : goto a chain for so many endpoints }
/// map endpoints { address . protocol . port . index : address . port }
/// ```
///
/// What is loaded lives in the kernel, in tables called `fairway-services`, and outlives the agent:
/// a restart replaces it in one transaction, and connections that are established keep their
/// endpoint, because connection tracking remembers it.
///
/// Source addresses are kept, except where answers would not find back: connections to a cluster
/// address from outside the pod network (the node itself too), to a node port or external address
/// with policy `Cluster`, and from a pod to itself.
///
/// Limits: `externalTrafficPolicy: Local` also holds for clients inside the cluster;
/// `internalTrafficPolicy: Local` without an endpoint on the node refuses instead of dropping;
/// `sessionAffinity: ClientIP` picks by a hash of the client's address, so it ignores the timeout
/// and may move clients when endpoints change; node ports are not served at loopback addresses; the
/// health check port of load balancers and topology hints are not there yet.
@NullMarked
package dev.fairway.traffic;

import org.jspecify.annotations.NullMarked;
