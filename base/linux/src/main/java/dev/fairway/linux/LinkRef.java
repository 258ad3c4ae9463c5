// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

/// Names one link of a namespace: by its index, or by its name.
public sealed interface LinkRef {
  static LinkRef of(int index) {
    return new ByIndex(index);
  }

  static LinkRef named(String name) {
    return new ByName(name);
  }

  /// A link by its index.
  ///
  /// @param index the number the kernel knows the link by, from 1
  record ByIndex(int index) implements LinkRef {
    public ByIndex {
      if (index < 1) {
        throw new IllegalArgumentException("link index " + index + " is not from 1");
      }
    }

    @Override
    public String toString() {
      return "link " + index;
    }
  }

  /// A link by its name.
  ///
  /// @param name at most 15 bytes, as `ip link` shows it
  record ByName(String name) implements LinkRef {
    public ByName {
      LinkSpec.checkName(name);
    }

    @Override
    public String toString() {
      return name;
    }
  }
}
