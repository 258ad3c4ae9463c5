// SPDX-License-Identifier: Apache-2.0
/// nf_tables by raw netlink: typed tables, chains, rules, sets and maps, sent as one transaction.
///
/// Why not the `nft` command: changing one element of a large map takes 0.03 ms this way and some
/// 20 ms by the command, and loading 10,000 Services 72 ms instead of 360. What is loaded is still
/// plain nf_tables, so `nft list ruleset` shows it.
///
/// A transaction happens as a whole or not at all (`linux/netfilter/nf_tables.h`,
/// `linux/netfilter/nfnetlink.h`). Only what Fairway's rules need is here; there is no reader for
/// rule sets, because owners keep their own picture and compare the generation number.
@NullMarked
package dev.fairway.linux.nft;

import org.jspecify.annotations.NullMarked;
