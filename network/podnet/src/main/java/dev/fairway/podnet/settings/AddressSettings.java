// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.settings;

import dev.fairway.net.Prefix;
import java.util.List;
import java.util.Map;

/// Where pods' addresses come from.
///
/// @param from who gives a node its ranges
/// @param pools of `Source.POOLS`, in order of preference
/// @param reserved addresses that no pod gets
public record AddressSettings(Source from, List<Pool> pools, List<Prefix> reserved) {
  static final int MOST_POOLS = 64;

  /// Who gives a node its ranges.
  public enum Source {
    /// The Node object: `spec.podCIDRs`.
    NODE_RANGES,
    /// Blocks that nodes take from pools as they need them.
    POOLS
  }

  /// Addresses for some pods on some nodes.
  ///
  /// @param name of the pool, a DNS label
  /// @param range all of it; one family, dual stack is two pools
  /// @param blockLength prefix length of the blocks that nodes take
  /// @param nodes labels that a node must have; empty: every node
  /// @param namespaces labels that a pod's namespace must have; empty: every namespace
  public record Pool(
      String name,
      Prefix range,
      int blockLength,
      Map<String, String> nodes,
      Map<String, String> namespaces) {
    public Pool {
      nodes = Map.copyOf(nodes);
      namespaces = Map.copyOf(namespaces);
      int bits = range.family().addressBits();
      InvalidSettings.unless(
          isLabel(name), "addresses.pools.name", "must be a DNS label such as \"default\"");
      InvalidSettings.unless(
          blockLength >= range.length() && blockLength <= bits,
          "addresses.pools.blockLength",
          "must be from the range's " + range.length() + " to " + bits);
    }
  }

  public static final AddressSettings NODE_RANGES =
      new AddressSettings(Source.NODE_RANGES, List.of(), List.of());

  public AddressSettings {
    pools = List.copyOf(pools);
    reserved = List.copyOf(reserved);
    InvalidSettings.unless(
        pools.size() <= MOST_POOLS, "addresses.pools", "must be at most " + MOST_POOLS);
    InvalidSettings.unless(
        pools.isEmpty() == (from == Source.NODE_RANGES),
        "addresses.pools",
        "must be given with addresses.from: pools, and only then");
    for (int i = 0; i < pools.size(); i++) {
      for (int j = 0; j < i; j++) {
        Pool a = pools.get(j);
        Pool b = pools.get(i);
        InvalidSettings.unless(
            !a.name().equals(b.name()),
            "addresses.pools[" + i + "].name",
            "is that of another pool: " + b.name());
        InvalidSettings.unless(
            !a.range().overlaps(b.range()),
            "addresses.pools[" + i + "].range",
            b.range() + " overlaps that of pool " + a.name());
      }
    }
  }

  private static boolean isLabel(String name) {
    if (name.isEmpty() || name.length() > 63 || name.startsWith("-") || name.endsWith("-")) {
      return false;
    }
    return name.chars().allMatch(c -> c == '-' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z'));
  }
}
