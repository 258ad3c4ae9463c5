// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.cni;

import java.util.Optional;

/// The versions of the specification whose requests and results are understood.
enum CniVersion {
  V0_3_0("0.3.0"),
  V0_3_1("0.3.1"),
  V0_4_0("0.4.0"),
  V1_0_0("1.0.0");

  static final CniVersion NEWEST = V1_0_0;

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

  /// Until 1.0.0 each address of a result said its family.
  boolean namesFamily() {
    return this != V1_0_0;
  }

  @Override
  public String toString() {
    return text;
  }
}
