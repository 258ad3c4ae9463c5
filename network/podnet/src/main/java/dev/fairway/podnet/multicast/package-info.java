// SPDX-License-Identifier: Apache-2.0
/// Multicast between pods, off unless the settings say otherwise.
///
/// Each pod's link is a network of its own, and the kernel's multicast routing knows 32 links at
/// most, so the agent carries the packets itself: what comes out of a pod's link for a group goes
/// to those pods of this node that are in the group, and once to each node that has such pods,
/// which hands it to them. Who is in which group the pods' kernels say (IGMPv3, RFC 3376; IGMPv2;
/// MLDv2, RFC 3810; MLDv1), asked by the agent every minute as routers do; which node has members
/// of which groups the nodes tell by an annotation. To multicast all pods are neighbours, so the
/// time to live stays: 1, with which most programs send, is enough.
///
/// It cannot loop: what came from another node goes to pods only, and what a pod sends counts only
/// by the pod's own MAC and address, so nobody can send on what was brought. Who of the other nodes
/// says what is bounded by their addresses: a copy is taken from a node's own address only, and
/// only with a source out of its ranges.
///
/// For discovery and the like: each packet passes this process, each pod may send 2,000 a second,
/// and a node makes at most 20,000 copies a second; the rest is dropped and counted. Link-local
/// groups (`224.0.0.0/24`, `ff02::/16`) stay on the pod's link, as between networks. Network
/// policies do not see these packets. Between nodes they travel in UDP, not encrypted, whatever the
/// backend.
@NullMarked
package dev.fairway.podnet.multicast;

import org.jspecify.annotations.NullMarked;
