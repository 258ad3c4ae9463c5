// SPDX-License-Identifier: Apache-2.0
/// Pods of other nodes by WireGuard: encrypted, over any network that carries UDP between the
/// machines.
///
/// One device a node, `fairway.wg`, of the kernel where it has WireGuard, else of `wireguard-go`,
/// for both families. A node's public key stands on its Node object, its private key in a file that
/// only root may read. Every node with a key is a peer whose ranges are exactly those of its Node
/// object, so that nobody sends as another node's pods.
///
/// What is to go by WireGuard and cannot goes nowhere: an unreachable route stands in its place.
/// Only while nodes change to it, one after the other, packets go by the way they went before,
/// until both ends have agreed on keys. On the Node objects it is what flannel calls `wireguard`.
@NullMarked
package dev.fairway.podnet.wireguard;

import org.jspecify.annotations.NullMarked;
