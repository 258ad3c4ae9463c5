// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.nodes;

import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.TreeMap;

/// Which node has which range, so that a thousand of them need not be held against one another.
///
/// No two ranges in it overlap, so the one that begins last before another's end is the only one
/// that can overlap it.
final class ClaimedRanges {
  private record Claim(Prefix range, String node) {}

  private final TreeMap<IpAddress, Claim> claims = new TreeMap<>();

  /// Single addresses, held against one another only: one may be borrowed from another node's
  /// block, and the longer prefix wins.
  private final TreeMap<IpAddress, Claim> singles = new TreeMap<>();

  /// Adds ranges of a node, but for those of which a part is somebody's already.
  void claim(String node, List<Prefix> ranges) {
    List<Prefix> widestFirst = new ArrayList<>(ranges);
    widestFirst.sort(Comparator.comparingInt(Prefix::length));
    for (Prefix range : widestFirst) {
      if (holder(range).isEmpty()) {
        claimsLike(range).put(range.address(), new Claim(range, node));
      }
    }
  }

  /// Another node that has a part of one of the ranges.
  Optional<String> otherHolderOfAny(List<Prefix> ranges, String node) {
    for (Prefix range : ranges) {
      Optional<String> holder = holder(range).filter(name -> !name.equals(node));
      if (holder.isPresent()) {
        return holder;
      }
    }
    return Optional.empty();
  }

  private NavigableMap<IpAddress, Claim> claimsLike(Prefix range) {
    return range.length() == range.family().addressBits() ? singles : claims;
  }

  private Optional<String> holder(Prefix range) {
    Map.Entry<IpAddress, Claim> last = claimsLike(range).floorEntry(range.last());
    return last != null && last.getValue().range().overlaps(range)
        ? Optional.of(last.getValue().node())
        : Optional.empty();
  }
}
