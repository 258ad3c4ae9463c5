// SPDX-License-Identifier: Apache-2.0
/// WireGuard devices: what they are to be as values, and two drivers that make them so.
///
/// [KernelWireGuard] speaks generic netlink to Linux 5.6 and later (`linux/wireguard.h`).
/// [UserspaceWireGuard] starts `wireguard-go` where the kernel has none, and speaks the text
/// protocol that all WireGuards of user space have in common
/// (<https://www.wireguard.com/xplatform/>). Both do the same for the network: a packet that a peer
/// sends is taken only if its source is in the peer's own ranges.
///
/// Private keys are [WireGuardSecret]s, which no message, log line or argument of a process shows.
/// Pre-shared keys and firewall marks are not here.
@NullMarked
package dev.fairway.linux.wireguard;

import org.jspecify.annotations.NullMarked;
