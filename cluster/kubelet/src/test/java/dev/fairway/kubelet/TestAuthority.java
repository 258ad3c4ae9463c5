// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet;

import java.io.IOException;
import java.io.StringWriter;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.KeyStore;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.Date;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x509.BasicConstraints;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.GeneralName;
import org.bouncycastle.asn1.x509.GeneralNames;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.openssl.jcajce.JcaPEMWriter;
import org.bouncycastle.openssl.jcajce.JcaPKCS8Generator;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;

/// A certificate authority for one test.
final class TestAuthority {
  private final KeyPair keys = newKeys();
  private final X509Certificate certificate;
  private int serial = 1;

  TestAuthority() throws Exception {
    certificate = sign("CN=test-ca", keys, true);
  }

  KubeletConfig.Tls serving(Path directory) throws Exception {
    Path own = issue(directory, "server", "CN=system:node:node-a");
    return new KubeletConfig.Tls(
        own, directory.resolve("server.key"), write(directory.resolve("ca.pem"), certificate));
  }

  /// Writes NAME.pem and NAME.key.
  Path issue(Path directory, String name, String subject) throws Exception {
    KeyPair own = newKeys();
    write(directory.resolve(name + ".key"), new JcaPKCS8Generator(own.getPrivate(), null));
    return write(directory.resolve(name + ".pem"), sign(subject, own, false));
  }

  SSLContext client(String subject) throws Exception {
    KeyPair own = newKeys();
    KeyStore store = KeyStore.getInstance("PKCS12");
    store.load(null);
    store.setCertificateEntry("ca", certificate);
    char[] none = new char[0];
    var chain = new X509Certificate[] {sign(subject, own, false)};
    store.setKeyEntry("me", own.getPrivate(), none, chain);
    KeyManagerFactory mine = KeyManagerFactory.getInstance("PKIX");
    mine.init(store, none);
    TrustManagerFactory theirs = TrustManagerFactory.getInstance("PKIX");
    theirs.init(store);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(mine.getKeyManagers(), theirs.getTrustManagers(), null);
    return context;
  }

  private X509Certificate sign(String subject, KeyPair subjectKeys, boolean authority)
      throws Exception {
    Instant now = Instant.now();
    var builder =
        new JcaX509v3CertificateBuilder(
            new X500Name("CN=test-ca"),
            BigInteger.valueOf(serial++),
            Date.from(now.minus(Duration.ofHours(1))),
            Date.from(now.plus(Duration.ofHours(1))),
            new X500Name(subject),
            subjectKeys.getPublic());
    builder.addExtension(Extension.basicConstraints, true, new BasicConstraints(authority));
    builder.addExtension(
        Extension.subjectAlternativeName,
        false,
        new GeneralNames(new GeneralName(GeneralName.iPAddress, "127.0.0.1")));
    var signer = new JcaContentSignerBuilder("SHA256withECDSA").build(keys.getPrivate());
    return new JcaX509CertificateConverter().getCertificate(builder.build(signer));
  }

  private static KeyPair newKeys() throws GeneralSecurityException {
    KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
    generator.initialize(256);
    return generator.generateKeyPair();
  }

  private static Path write(Path file, Object object) throws IOException {
    StringWriter text = new StringWriter();
    try (JcaPEMWriter writer = new JcaPEMWriter(text)) {
      writer.writeObject(object);
    }
    return Files.writeString(file, text.toString());
  }
}
