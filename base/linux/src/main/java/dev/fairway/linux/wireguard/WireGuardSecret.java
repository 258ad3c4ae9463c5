// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux.wireguard;

import java.math.BigInteger;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyPairGenerator;
import java.security.PrivateKey;
import java.security.interfaces.XECPrivateKey;
import java.security.spec.NamedParameterSpec;
import java.security.spec.XECPrivateKeySpec;
import java.security.spec.XECPublicKeySpec;
import java.util.Base64;
import java.util.HexFormat;
import javax.crypto.KeyAgreement;

/// A private key. Only [#text] and [#hex] give it away; what prints this by mistake prints nothing.
public final class WireGuardSecret {
  private static final String ALGORITHM = "X25519";
  private static final BigInteger BASE_POINT = BigInteger.valueOf(9); // RFC 7748 4.1

  private final byte[] scalar;
  private final WireGuardKey publicKey;

  private WireGuardSecret(byte[] scalar, WireGuardKey publicKey) {
    this.scalar = scalar;
    this.publicKey = publicKey;
  }

  /// A new one, from the system's randomness.
  public static WireGuardSecret generate() {
    try {
      XECPrivateKey key =
          (XECPrivateKey) KeyPairGenerator.getInstance(ALGORITHM).generateKeyPair().getPrivate();
      return of(key.getScalar().orElseThrow());
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("this Java has no " + ALGORITHM, e);
    }
  }

  /// Reads what [#text] gave, or `wg genkey`.
  ///
  /// @throws IllegalArgumentException if it is no key; the message does not quote it
  public static WireGuardSecret parse(String text) {
    byte[] scalar;
    try {
      scalar = Base64.getDecoder().decode(text.strip());
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException("it is not Base64"); // the cause would quote it
    }
    return of(scalar);
  }

  static WireGuardSecret of(byte[] scalar) {
    if (scalar.length != WireGuardKey.BYTES) {
      throw new IllegalArgumentException("a WireGuard key has 32 bytes, this has " + scalar.length);
    }
    byte[] clamped = scalar.clone(); // RFC 7748 5, as WireGuard keeps it
    clamped[0] &= (byte) 248;
    clamped[31] &= 127;
    clamped[31] |= 64;
    return new WireGuardSecret(clamped, publicKeyOf(clamped));
  }

  private static WireGuardKey publicKeyOf(byte[] scalar) {
    try {
      KeyFactory keys = KeyFactory.getInstance(ALGORITHM);
      PrivateKey own =
          keys.generatePrivate(new XECPrivateKeySpec(NamedParameterSpec.X25519, scalar));
      KeyAgreement agreement = KeyAgreement.getInstance(ALGORITHM);
      agreement.init(own);
      agreement.doPhase(
          keys.generatePublic(new XECPublicKeySpec(NamedParameterSpec.X25519, BASE_POINT)), true);
      return WireGuardKey.of(agreement.generateSecret());
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("this Java has no " + ALGORITHM, e);
    }
  }

  public WireGuardKey publicKey() {
    return publicKey;
  }

  /// Base64, for a file that only root may read.
  public String text() {
    return Base64.getEncoder().encodeToString(scalar);
  }

  String hex() {
    return HexFormat.of().formatHex(scalar);
  }

  byte[] bytes() {
    return scalar.clone();
  }

  @Override
  public String toString() {
    return "the private key of " + publicKey;
  }
}
