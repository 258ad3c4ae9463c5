// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.auth;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.security.spec.X509EncodedKeySpec;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;

/// Keys and certificates from PEM files (RFC 7468). Read by hand: a PEM library costs more at start
/// than all of the rest of TLS.
public final class Pem {
  private static final List<String> ALGORITHMS = List.of("EC", "RSA", "Ed25519");

  private Pem() {}

  /// All certificates of a file, in order.
  ///
  /// @throws IOException if there is none, or one is broken; names the file
  public static List<X509Certificate> certificates(Path file) throws IOException {
    List<X509Certificate> found = new ArrayList<>();
    try {
      CertificateFactory factory = CertificateFactory.getInstance("X.509");
      for (byte[] der : blocks(file, "CERTIFICATE")) {
        found.add((X509Certificate) factory.generateCertificate(new ByteArrayInputStream(der)));
      }
    } catch (GeneralSecurityException broken) {
      throw new IOException(file + ": not a certificate: " + broken.getMessage(), broken);
    }
    if (found.isEmpty()) {
      throw new IOException(file + ": no CERTIFICATE block");
    }
    return found;
  }

  /// The PKCS#8 private key of a file.
  public static PrivateKey privateKey(Path file) throws IOException {
    List<byte[]> blocks = blocks(file, "PRIVATE KEY");
    if (blocks.isEmpty()) {
      throw new IOException(
          file + ": no PRIVATE KEY block; convert with `openssl pkcs8 -topk8 -nodes`");
    }
    for (String algorithm : ALGORITHMS) {
      try {
        return KeyFactory.getInstance(algorithm)
            .generatePrivate(new PKCS8EncodedKeySpec(blocks.getFirst()));
      } catch (GeneralSecurityException _) {
        // The next algorithm may fit.
      }
    }
    throw new IOException(file + ": the private key is none of " + ALGORITHMS);
  }

  /// The public keys of a file: `PUBLIC KEY` blocks, and those of its certificates.
  public static List<PublicKey> publicKeys(Path file) throws IOException {
    List<PublicKey> found = new ArrayList<>();
    for (byte[] der : blocks(file, "PUBLIC KEY")) {
      found.add(publicKey(file, der));
    }
    if (!blocks(file, "CERTIFICATE").isEmpty()) {
      certificates(file).forEach(certificate -> found.add(certificate.getPublicKey()));
    }
    if (found.isEmpty()) {
      throw new IOException(file + ": neither a PUBLIC KEY nor a CERTIFICATE block");
    }
    return found;
  }

  private static PublicKey publicKey(Path file, byte[] der) throws IOException {
    for (String algorithm : ALGORITHMS) {
      try {
        return KeyFactory.getInstance(algorithm).generatePublic(new X509EncodedKeySpec(der));
      } catch (GeneralSecurityException _) {
        // The next algorithm may fit.
      }
    }
    throw new IOException(file + ": the public key is none of " + ALGORITHMS);
  }

  private static List<byte[]> blocks(Path file, String label) throws IOException {
    String text = Files.readString(file, StandardCharsets.US_ASCII);
    String begin = "-----BEGIN " + label + "-----";
    String end = "-----END " + label + "-----";
    List<byte[]> blocks = new ArrayList<>();
    int at = text.indexOf(begin);
    while (at >= 0) {
      int until = text.indexOf(end, at);
      if (until < 0) {
        throw new IOException(file + ": a " + label + " block does not end");
      }
      try {
        blocks.add(Base64.getMimeDecoder().decode(text.substring(at + begin.length(), until)));
      } catch (IllegalArgumentException broken) {
        throw new IOException(file + ": a " + label + " block is not base64", broken);
      }
      at = text.indexOf(begin, until);
    }
    return blocks;
  }
}
