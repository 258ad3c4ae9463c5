// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.pools;

import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/// A pool of addresses, checked.
///
/// @param name of its object
/// @param created when its object was made, RFC 3339; the older of two has precedence
/// @param cidr all its addresses
/// @param blockLength prefix length of the blocks it is cut into
/// @param namespaces whose pods it is for
/// @param nodes on which it is used
/// @param reserved what only a pod that names the address may have
/// @param lends whether a node may borrow single addresses of another's block once none is left
/// @param disabled whether nothing new is to be taken from it
record Pool(
    String name,
    String created,
    Prefix cidr,
    int blockLength,
    LabelMatch namespaces,
    LabelMatch nodes,
    List<Prefix> reserved,
    boolean lends,
    boolean disabled) {
  /// So that what is known of one block stays small enough for one object.
  static final int MOST_IN_BLOCK = 4096;

  private static final int FEWEST_IN_BLOCK = 4;

  /// Host bits of a block unless the pool says otherwise: 64 addresses, as elsewhere.
  private static final int USUAL_HOST_BITS = 6;

  private static final int MOST_RESERVED = 1024;

  Pool {
    reserved = List.copyOf(reserved);
  }

  /// Reads the object.
  ///
  /// @throws IllegalArgumentException if it makes no sense; the message names object and field
  static Pool of(AddressPool object) {
    String name = object.getMetadata().getName();
    try {
      AddressPool.Spec spec = object.getSpec();
      if (spec == null || spec.cidr() == null) {
        throw new IllegalArgumentException("spec.cidr is missing");
      }
      Prefix cidr = cidr(spec.cidr());
      return new Pool(
          name,
          Objects.requireNonNullElse(object.getMetadata().getCreationTimestamp(), ""),
          cidr,
          blockLength(spec, cidr),
          LabelMatch.of(spec.namespaceSelector(), "spec.namespaceSelector"),
          LabelMatch.of(spec.nodeSelector(), "spec.nodeSelector"),
          reserved(spec, cidr),
          lends(spec),
          Boolean.TRUE.equals(spec.disabled()));
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException("AddressPool " + name + ": " + e.getMessage(), e);
    }
  }

  private static Prefix cidr(String text) {
    Prefix cidr;
    try {
      cidr = Prefix.parse(text);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException("spec.cidr: " + e.getMessage(), e);
    }
    IpAddress first = cidr.address();
    if (!Prefix.isCanonical(text)) {
      throw new IllegalArgumentException("spec.cidr: " + text + " begins inside " + cidr);
    }
    if (first.isMulticast()
        || first.isLoopback()
        || first.isLinkLocal()
        || first.isUnspecified()
        || cidr.length() == 0) {
      throw new IllegalArgumentException("spec.cidr: " + cidr + " is not for pods");
    }
    return cidr;
  }

  private static int blockLength(AddressPool.Spec spec, Prefix cidr) {
    int bits = cidr.family().addressBits();
    Integer asked = spec.blockSize();
    int length = asked == null ? Math.max(bits - USUAL_HOST_BITS, cidr.length()) : asked;
    int shortest = bits - (31 - Integer.numberOfLeadingZeros(MOST_IN_BLOCK));
    int longest = bits - (31 - Integer.numberOfLeadingZeros(FEWEST_IN_BLOCK));
    if (cidr.length() > longest) {
      throw new IllegalArgumentException(
          "spec.cidr: " + cidr + " is smaller than a block, which holds " + FEWEST_IN_BLOCK);
    }
    if (length < Math.max(shortest, cidr.length()) || length > longest) {
      throw new IllegalArgumentException(
          "spec.blockSize: a block of "
              + cidr
              + " has a prefix length from "
              + Math.max(shortest, cidr.length())
              + " to "
              + longest
              + ", not "
              + length);
    }
    return length;
  }

  private static List<Prefix> reserved(AddressPool.Spec spec, Prefix cidr) {
    List<Prefix> reserved = new ArrayList<>();
    if (spec.reserved() == null) {
      return reserved;
    }
    if (spec.reserved().size() > MOST_RESERVED) {
      throw new IllegalArgumentException("spec.reserved: more than " + MOST_RESERVED + " entries");
    }
    for (String text : spec.reserved()) {
      Prefix range;
      try {
        range = text.indexOf('/') < 0 ? IpAddress.parse(text).toPrefix() : Prefix.parse(text);
      } catch (IllegalArgumentException e) {
        throw new IllegalArgumentException("spec.reserved: " + e.getMessage(), e);
      }
      if (!cidr.contains(range)) {
        throw new IllegalArgumentException("spec.reserved: " + text + " is outside " + cidr);
      }
      reserved.add(range);
    }
    return reserved;
  }

  private static boolean lends(AddressPool.Spec spec) {
    return switch (Objects.requireNonNullElse(spec.borrowing(), "Forbidden")) {
      case "Allowed" -> true;
      case "Forbidden" -> false;
      default ->
          throw new IllegalArgumentException(
              "spec.borrowing: " + spec.borrowing() + " is not Allowed or Forbidden");
    };
  }

  IpFamily family() {
    return cidr.family();
  }

  boolean isFor(Map<String, String> namespaceLabels, Map<String, String> nodeLabels) {
    return namespaces.matches(namespaceLabels) && nodes.matches(nodeLabels);
  }

  /// Pools that say more exactly whom they are for come first: a namespace outweighs a node.
  int rank() {
    return (namespaces.isEmpty() ? 0 : 2) + (nodes.isEmpty() ? 0 : 1);
  }

  boolean isReserved(IpAddress address) {
    for (Prefix range : reserved) {
      if (range.contains(address)) {
        return true;
      }
    }
    return false;
  }

  /// The reserved ranges that touch a block.
  List<Prefix> reservedIn(Prefix block) {
    return reserved.stream().filter(block::overlaps).toList();
  }

  /// The block that an address of the pool is in.
  Prefix blockOf(IpAddress address) {
    return new Prefix(address, blockLength);
  }

  /// How many of a new block's addresses its node has for itself at first.
  int keptAtFirst() {
    long size = new Prefix(cidr.address(), blockLength).size();
    return (int) (lends ? Math.min(size, BlockChoice.KEPT_STEP) : size);
  }
}
