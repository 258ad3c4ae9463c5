// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.InvalidKeySpecException;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Who the server is over TLS, read anew when its certificate's file changes.
final class TlsIdentity {
  private static final Logger LOG = LoggerFactory.getLogger(TlsIdentity.class);
  private static final long LOOK_NANOS = 1_000_000_000L;
  private static final int SESSIONS = 256;

  /// RFC 7858 section 8.1.
  private static final String[] PROTOCOLS = {"dot"};

  private final Path certificate;
  private final Path key;
  private SSLContext context;
  private List<FileTime> read;
  private long looked = System.nanoTime();

  /// @throws IOException if a file is not what it should be; the message names it
  TlsIdentity(DnsOverTls config) throws IOException {
    certificate = config.certificate();
    key = config.key();
    read = times();
    context = context(certificate, key);
  }

  /// The server's side of TLS over a connection; the handshake comes with the first read.
  SSLSocket over(Socket socket) throws IOException {
    SSLSocket secure = (SSLSocket) current().getSocketFactory().createSocket(socket, null, true);
    SSLParameters parameters = secure.getSSLParameters();
    parameters.setApplicationProtocols(PROTOCOLS);
    secure.setSSLParameters(parameters);
    return secure;
  }

  private synchronized SSLContext current() {
    long now = System.nanoTime();
    if (now - looked > LOOK_NANOS) {
      looked = now;
      try {
        List<FileTime> times = times();
        if (!times.equals(read)) {
          context = context(certificate, key);
          read = times;
          LOG.info("The certificate {} was read anew", certificate);
        }
      } catch (IOException e) {
        LOG.warn("The certificate before goes on: {}", e.getMessage());
      }
    }
    return context;
  }

  private List<FileTime> times() throws IOException {
    return List.of(time(certificate), time(key));
  }

  private static FileTime time(Path file) throws IOException {
    try {
      return Files.getLastModifiedTime(file);
    } catch (IOException e) {
      throw new IOException("DNS: tls: " + file + " cannot be read", e);
    }
  }

  /// What one has signed, the other must verify: a key store takes any two.
  private static void requirePair(Certificate certificate, PrivateKey key)
      throws GeneralSecurityException {
    String algorithm =
        switch (key.getAlgorithm()) {
          case "RSA" -> "SHA256withRSA";
          case "EC" -> "SHA256withECDSA";
          default -> key.getAlgorithm();
        };
    byte[] text = {1, 2, 3};
    Signature signature = Signature.getInstance(algorithm);
    signature.initSign(key);
    signature.update(text);
    byte[] signed = signature.sign();
    signature.initVerify(certificate.getPublicKey());
    signature.update(text);
    if (!signature.verify(signed)) {
      throw new GeneralSecurityException("the key is another certificate's");
    }
  }

  private static SSLContext context(Path certificate, Path key) throws IOException {
    Certificate[] chain = certificates(certificate).toArray(new Certificate[0]);
    PrivateKey secret = privateKey(key);
    try {
      requirePair(chain[0], secret);
      char[] none = new char[0];
      KeyStore store = KeyStore.getInstance("PKCS12");
      store.load(null, none);
      store.setKeyEntry("server", secret, none, chain);
      KeyManagerFactory keys =
          KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
      keys.init(store, none);
      SSLContext context = SSLContext.getInstance("TLS");
      context.init(keys.getKeyManagers(), null, null);
      context.getServerSessionContext().setSessionCacheSize(SESSIONS);
      return context;
    } catch (GeneralSecurityException e) {
      throw new IOException(
          "DNS: tls: " + certificate + " and " + key + " do not belong together: " + e.getMessage(),
          e);
    }
  }

  /// What a client trusts.
  static SSLContext trusting(Optional<Path> authorities) throws IOException {
    try {
      SSLContext context = SSLContext.getInstance("TLS");
      if (authorities.isEmpty()) {
        context.init(null, null, null);
        return context;
      }
      KeyStore store = KeyStore.getInstance("PKCS12");
      store.load(null, null);
      int number = 0;
      for (Certificate authority : certificates(authorities.get())) {
        store.setCertificateEntry("authority" + number++, authority);
      }
      TrustManagerFactory trust =
          TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
      trust.init(store);
      context.init(null, trust.getTrustManagers(), null);
      return context;
    } catch (GeneralSecurityException e) {
      throw new IOException("DNS: tls: " + authorities + ": " + e.getMessage(), e);
    }
  }

  private static Collection<? extends Certificate> certificates(Path file) throws IOException {
    try {
      Collection<? extends Certificate> certificates =
          CertificateFactory.getInstance("X.509")
              .generateCertificates(new ByteArrayInputStream(octets(file)));
      if (!certificates.isEmpty()) {
        return certificates;
      }
    } catch (GeneralSecurityException e) {
      throw new IOException("DNS: tls: " + file + " holds no certificates in PEM form", e);
    }
    throw new IOException("DNS: tls: " + file + " holds no certificates in PEM form");
  }

  private static byte[] octets(Path file) throws IOException {
    try {
      return Files.readAllBytes(file);
    } catch (IOException e) {
      throw new IOException("DNS: tls: " + file + " cannot be read: " + e, e);
    }
  }

  private static PrivateKey privateKey(Path file) throws IOException {
    String text = new String(octets(file), StandardCharsets.US_ASCII);
    String begin = "-----BEGIN PRIVATE KEY-----";
    int from = text.indexOf(begin);
    int to = text.indexOf("-----END PRIVATE KEY-----");
    if (from < 0 || to < from) {
      throw new IOException(
          "DNS: tls: " + file + " holds no PKCS #8 key (-----BEGIN PRIVATE KEY-----)");
    }
    try {
      byte[] encoded = Base64.getMimeDecoder().decode(text.substring(from + begin.length(), to));
      PKCS8EncodedKeySpec spec = new PKCS8EncodedKeySpec(encoded);
      try {
        return KeyFactory.getInstance("EC").generatePrivate(spec);
      } catch (InvalidKeySpecException e) {
        return KeyFactory.getInstance("RSA").generatePrivate(spec);
      }
    } catch (GeneralSecurityException | IllegalArgumentException e) {
      // The cause might quote the key.
      throw new IOException("DNS: tls: " + file + " holds neither an EC nor an RSA key");
    }
  }
}
