// SPDX-License-Identifier: Apache-2.0
/// Which pod has which address of this node's ranges, and which one is next.
///
/// [FreeAddresses] is the policy and is pure; [AddressBook] makes it durable: every decision is on
/// disk before anybody hears of it. One address a range, so dual stack is two ranges. Not yet:
/// several pools, fixed addresses, blocks that move between nodes.
@NullMarked
package dev.fairway.podnet.ipam;

import org.jspecify.annotations.NullMarked;
