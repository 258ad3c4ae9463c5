// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.ipam;

import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import java.util.List;

/// A range and which of its addresses may be given to whoever asks for any. It is never written out
/// address by address: an IPv6 one may hold 2^64.
///
/// @param prefix the range
/// @param first index of the first address that may be given
/// @param end index after the last one
/// @param withheld addresses in between that may not
public record AddressRange(Prefix prefix, long first, long end, List<Prefix> withheld) {
  /// The network's own address belongs to the node's tunnel; the next one is where other networks
  /// put a bridge, and a node may be changing over from one.
  private static final int NODE_FIRST = 2;

  /// The last address of a node's range is a broadcast one to many.
  private static final int NODE_LAST = 1;

  /// The first address of a block belongs to the node's tunnel.
  private static final int BLOCK_FIRST = 1;

  public AddressRange {
    withheld = List.copyOf(withheld);
    end = Math.max(first, Math.min(end, prefix.size()));
  }

  /// A range of `spec.podCIDRs`.
  public static AddressRange ofNode(Prefix prefix) {
    return new AddressRange(prefix, NODE_FIRST, prefix.size() - NODE_LAST, List.of());
  }

  /// A block of a pool.
  ///
  /// @param kept how many of its leading addresses the node has for itself
  public static AddressRange ofBlock(Prefix prefix, long kept, List<Prefix> withheld) {
    return new AddressRange(prefix, BLOCK_FIRST, kept, withheld);
  }

  /// A single address, borrowed from another node's block.
  public static AddressRange ofSingle(IpAddress address) {
    return new AddressRange(address.toPrefix(), 0, 1, List.of());
  }

  /// Whether somebody who asks for any address may be given this one.
  boolean offers(IpAddress address) {
    if (!prefix.contains(address)) {
      return false;
    }
    long index = address.minus(prefix.address());
    return index >= first && index < end && !isWithheld(address);
  }

  private boolean isWithheld(IpAddress address) {
    for (Prefix range : withheld) {
      if (range.contains(address)) {
        return true;
      }
    }
    return false;
  }

  /// How many there are between the ends, withheld ones counted.
  long span() {
    return end - first;
  }

  /// How many may be given.
  long offered() {
    if (withheld.isEmpty()) {
      return span();
    }
    long offered = 0;
    for (long index = first; index < end; index++) { // a block, so it has a bound
      offered += isWithheld(prefix.at(index)) ? 0 : 1;
    }
    return offered;
  }
}
