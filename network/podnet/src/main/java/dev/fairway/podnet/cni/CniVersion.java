// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.cni;

import java.util.Optional;
import java.util.StringJoiner;

/// The versions of the specification, all of them, oldest first.
public enum CniVersion {
  V0_1_0("0.1.0"),
  V0_2_0("0.2.0"),
  V0_3_0("0.3.0"),
  V0_3_1("0.3.1"),
  V0_4_0("0.4.0"),
  V1_0_0("1.0.0"),
  V1_1_0("1.1.0");

  static final CniVersion NEWEST = V1_1_0;

  private final String text;

  CniVersion(String text) {
    this.text = text;
  }

  static Optional<CniVersion> of(String text) {
    for (CniVersion version : values()) {
      if (version.text.equals(text)) {
        return Optional.of(version);
      }
    }
    return Optional.empty();
  }

  boolean atLeast(CniVersion other) {
    return compareTo(other) >= 0;
  }

  /// Since 0.3.0 a result lists interfaces and addresses; before, it had one address a family.
  boolean hasLists() {
    return atLeast(V0_3_0);
  }

  /// From 0.3.0 until 1.0.0 each address of a result said its family.
  boolean namesFamily() {
    return hasLists() && !atLeast(V1_0_0);
  }

  static String list() {
    StringJoiner all = new StringJoiner(", ");
    for (CniVersion version : values()) {
      all.add(version.text);
    }
    return all.toString();
  }

  @Override
  public String toString() {
    return text;
  }
}
