// SPDX-License-Identifier: Apache-2.0
package dev.fairway.provision;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.Set;

/// Keys and certificates as text files (RFC 7468).
final class Pem {
  static final Set<PosixFilePermission> FOR_ALL = PosixFilePermissions.fromString("rw-r--r--");
  private static final Set<PosixFilePermission> FOR_OWNER =
      PosixFilePermissions.fromString("rw-------");
  private static final int LINE = 64;

  private Pem() {}

  static void writeCertificate(Path file, X509Certificate certificate)
      throws IOException, GeneralSecurityException {
    write(file, "CERTIFICATE", certificate.getEncoded(), FOR_ALL);
  }

  static void writePrivateKey(Path file, PrivateKey key) throws IOException {
    write(file, "PRIVATE KEY", key.getEncoded(), FOR_OWNER);
  }

  static X509Certificate readCertificate(Path file) throws IOException, GeneralSecurityException {
    return (X509Certificate)
        CertificateFactory.getInstance("X.509")
            .generateCertificate(new ByteArrayInputStream(read(file, "CERTIFICATE")));
  }

  static PrivateKey readPrivateKey(Path file) throws IOException, GeneralSecurityException {
    return KeyFactory.getInstance("EC")
        .generatePrivate(new PKCS8EncodedKeySpec(read(file, "PRIVATE KEY")));
  }

  /// Writes all of it or nothing, never readable by more than `permissions` allow.
  static void write(Path file, String label, byte[] der, Set<PosixFilePermission> permissions)
      throws IOException {
    Base64.Encoder encoder = Base64.getMimeEncoder(LINE, "\n".getBytes(StandardCharsets.US_ASCII));
    String text =
        "-----BEGIN "
            + label
            + "-----\n"
            + encoder.encodeToString(der)
            + "\n-----END "
            + label
            + "-----\n";
    writeWhole(file, text, permissions);
  }

  static void writeWhole(Path file, String text, Set<PosixFilePermission> permissions)
      throws IOException {
    Path next = file.resolveSibling(file.getFileName() + ".next");
    Files.deleteIfExists(next);
    Files.createFile(next, PosixFilePermissions.asFileAttribute(permissions));
    Files.writeString(next, text);
    Files.move(next, file, StandardCopyOption.ATOMIC_MOVE);
  }

  static void writeSecret(Path file, String text) throws IOException {
    writeWhole(file, text, FOR_OWNER);
  }

  private static byte[] read(Path file, String label) throws IOException, GeneralSecurityException {
    String text = Files.readString(file);
    String begin = "-----BEGIN " + label + "-----";
    int from = text.indexOf(begin);
    int to = text.indexOf("-----END " + label + "-----");
    if (from < 0 || to < from) {
      throw new GeneralSecurityException(file + " holds no " + label);
    }
    try {
      return Base64.getMimeDecoder().decode(text.substring(from + begin.length(), to));
    } catch (IllegalArgumentException e) {
      throw new GeneralSecurityException(file + " holds a broken " + label, e);
    }
  }
}
