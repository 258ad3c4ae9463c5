// SPDX-License-Identifier: Apache-2.0
/// Packets of this node's pods that leave the cluster carry the node's address, because nobody
/// outside has a way back to a pod's.
///
/// One nf_tables table of our own, `fairway-podnet`, rewritten as a whole in one transaction. Pods
/// and nodes of the cluster see a pod's own address.
@NullMarked
package dev.fairway.podnet.masquerade;

import org.jspecify.annotations.NullMarked;
