// SPDX-License-Identifier: Apache-2.0
/// A pod sends only by the addresses it was given.
///
/// What comes out of a pod's link must carry the pod's MAC and one of its addresses: IPv4, IPv6,
/// and what an ARP packet or a neighbour advertisement says of its sender. A pod is no router and
/// gives out no addresses: router advertisements, redirects and answers of DHCP servers are
/// dropped. From its link-local addresses it sends ICMPv6 only. What is dropped is counted by its
/// reason ([Guard#dropped]).
///
/// Three small nf_tables tables named `fairway-guard`, before connection tracking. Who may send
/// what stands in sets that are hash tables by link, so a packet costs two look-ups however many
/// pods there are, and a change of one pod changes elements only. The fast path asks the same of a
/// packet by itself and leaves what does not fit to the stack, where it meets these rules.
///
/// Not done: nothing is checked of what goes to a pod, and of two pods of one name for the same
/// extra address both may use it.
@NullMarked
package dev.fairway.podnet.guard;

import org.jspecify.annotations.NullMarked;
