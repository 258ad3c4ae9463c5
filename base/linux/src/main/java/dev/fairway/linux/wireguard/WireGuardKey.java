// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux.wireguard;

import java.util.Base64;
import java.util.HexFormat;

/// A public key, by which peers know one another: a point of Curve25519 (RFC 7748), 32 bytes.
///
/// @param text in Base64, 44 characters, as `wg` shows it
public record WireGuardKey(String text) {
  static final int BYTES = 32;

  /// @throws IllegalArgumentException if it is no key
  public WireGuardKey {
    if (decode(text).length != BYTES) {
      throw new IllegalArgumentException("a WireGuard key has 32 bytes, 44 characters in Base64");
    }
  }

  static WireGuardKey of(byte[] bytes) {
    return new WireGuardKey(Base64.getEncoder().encodeToString(bytes));
  }

  static WireGuardKey ofHex(String hex) {
    return of(HexFormat.of().parseHex(hex));
  }

  /// 32 of them, the lowest first.
  public byte[] bytes() {
    return decode(text);
  }

  String hex() {
    return HexFormat.of().formatHex(bytes());
  }

  private static byte[] decode(String text) {
    if (text.length() != 44) {
      return new byte[0];
    }
    byte[] bytes = Base64.getDecoder().decode(text);
    // One key, one text: the last character has two bits that mean nothing.
    return Base64.getEncoder().encodeToString(bytes).equals(text) ? bytes : new byte[0];
  }

  @Override
  public String toString() {
    return text;
  }
}
