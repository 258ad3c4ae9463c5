// SPDX-License-Identifier: Apache-2.0
/// Which pod has which address of this node's ranges, and which one is next.
///
/// [FreeAddresses] is the policy and is pure; [AddressBook] makes it outlive the agent: every
/// decision is written to its file before anybody hears of it. A pod has one address a family: from
/// the node's own ranges, or whatever a list of [Wanted] says. IPv4 and IPv6 take the same way.
/// Which ranges are this node's is decided elsewhere: by `spec.podCIDRs`, and by pools.
@NullMarked
package dev.fairway.podnet.ipam;

import org.jspecify.annotations.NullMarked;
