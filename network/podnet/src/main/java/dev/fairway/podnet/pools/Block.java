// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.pools;

import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;

/// A block of a pool, checked.
///
/// @param prefix its range
/// @param pool that it was cut from
/// @param node who has it, empty for nobody
/// @param kept how many of its leading addresses the node gives out without asking
/// @param claims addresses that one node has by itself: borrowed, or asked for by a pod
record Block(Prefix prefix, String pool, String node, int kept, Map<IpAddress, String> claims) {
  Block {
    claims = Map.copyOf(claims);
    if (kept < 0 || kept > prefix.size()) {
      throw new IllegalArgumentException("spec.kept: " + kept + " is not in " + prefix);
    }
  }

  /// Reads the object.
  ///
  /// @throws IllegalArgumentException if it makes no sense; the message names object and field
  static Block of(AddressBlock object) {
    String name = object.getMetadata().getName();
    try {
      AddressBlock.Spec spec = object.getSpec();
      if (spec == null || spec.cidr() == null) {
        throw new IllegalArgumentException("spec.cidr is missing");
      }
      Prefix prefix = Prefix.parse(spec.cidr());
      if (!name(prefix).equals(name)) {
        throw new IllegalArgumentException("spec.cidr " + prefix + " is not what its name says");
      }
      if (prefix.size() > Pool.MOST_IN_BLOCK) {
        throw new IllegalArgumentException(
            "spec.cidr: " + prefix + " holds more than " + Pool.MOST_IN_BLOCK + " addresses");
      }
      int size = (int) prefix.size();
      String node = Objects.requireNonNullElse(spec.node(), "");
      int kept = spec.kept() == null ? size : spec.kept();
      return new Block(
          prefix, Objects.requireNonNullElse(spec.pool(), ""), node, kept, claims(spec, prefix));
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException("AddressBlock " + name + ": " + e.getMessage(), e);
    }
  }

  private static Map<IpAddress, String> claims(AddressBlock.Spec spec, Prefix prefix) {
    Map<IpAddress, String> claims = new LinkedHashMap<>();
    if (spec.claims() != null) {
      spec.claims()
          .forEach((text, node) -> {
            IpAddress address = IpAddress.parse(text);
            if (!prefix.contains(address) || node == null || node.isEmpty()) {
              throw new IllegalArgumentException("spec.claims: " + text + " makes no sense here");
            }
            claims.put(address, node);
          });
    }
    return claims;
  }

  /// `10-200-128-64-26`, or for IPv6 all 32 digits and the length. A name for each range, and one
  /// only.
  static String name(Prefix prefix) {
    IpAddress address = prefix.address();
    if (address.family() == IpFamily.IPV4) {
      return address.toString().replace('.', '-') + "-" + prefix.length();
    }
    String high = Long.toHexString(address.high());
    String low = Long.toHexString(address.low());
    return "0".repeat(16 - high.length())
        + high
        + "0".repeat(16 - low.length())
        + low
        + "-"
        + prefix.length();
  }

  AddressBlock object(Optional<AddressBlock> before) {
    AddressBlock object = new AddressBlock();
    object.setMetadata(
        before
            .map(AddressBlock::getMetadata)
            .orElseGet(() -> new ObjectMetaBuilder().withName(name(prefix)).build()));
    Map<String, String> texts = new TreeMap<>();
    claims.forEach((address, holder) -> texts.put(address.toString(), holder));
    object.setSpec(new AddressBlock.Spec(prefix.toString(), pool, node, kept, texts));
    return object;
  }

  boolean isFree() {
    return node.isEmpty();
  }

  Block ownedBy(String owner, int keeps) {
    return new Block(prefix, pool, owner, keeps, claims);
  }

  Block keeping(int keeps) {
    return new Block(prefix, pool, node, keeps, claims);
  }

  Block claimed(IpAddress address, String holder) {
    Map<IpAddress, String> more = new LinkedHashMap<>(claims);
    more.put(address, holder);
    return new Block(prefix, pool, node, kept, more);
  }

  Block unclaimed(IpAddress address) {
    Map<IpAddress, String> fewer = new LinkedHashMap<>(claims);
    fewer.remove(address);
    return new Block(prefix, pool, node, kept, fewer);
  }

  /// Whether its node gives this address out without asking, if it is not reserved.
  boolean keeps(IpAddress address) {
    return address.minus(prefix.address()) < kept;
  }
}
