// SPDX-License-Identifier: Apache-2.0
package dev.fairway.store;

/// What a key and a value may be, alike for every engine.
final class Limits {
  static final int MAX_KEY_CHARS = 2048;
  static final int MAX_VALUE_BYTES = 8 << 20;

  private Limits() {}

  static String checked(String key) {
    if (key.isEmpty() || key.length() > MAX_KEY_CHARS || key.indexOf('\0') >= 0) {
      throw new IllegalArgumentException(
          "a key has 1 to " + MAX_KEY_CHARS + " characters and no NUL, not \"" + key + "\"");
    }
    return key;
  }

  static byte[] checked(String key, byte[] value) {
    if (value.length > MAX_VALUE_BYTES) {
      throw new IllegalArgumentException(
          key + " has " + value.length + " bytes, at most " + MAX_VALUE_BYTES + " are stored");
    }
    return value;
  }
}
