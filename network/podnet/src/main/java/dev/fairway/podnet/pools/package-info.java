// SPDX-License-Identifier: Apache-2.0
/// Addresses out of pools that all nodes share.
///
/// An [AddressPool] is cut into blocks; a node claims a block by making the one [AddressBlock]
/// object that the block can have, so the API server's compare-and-swap is the only arbiter and the
/// nodes need no other. Inside its blocks a node gives addresses by its own book, without asking
/// anybody. What needs more care than that goes through the block's object address by address: one
/// borrowed from another node's block, one that a pod asks for by annotation.
///
/// [PoolTable], [BlockChoice] and [BlockRanges] are pure; [BlockStore] writes; [PoolAddresses] puts
/// them together. Without pools none of it runs but one question to the API server. Limits: a block
/// holds 4 to 4,096 addresses; a node whose object is deleted while its pods live on loses its
/// blocks.
@NullMarked
package dev.fairway.podnet.pools;

import org.jspecify.annotations.NullMarked;
