// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers;

import java.io.IOException;
import java.io.StringWriter;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.SecureRandom;
import java.time.Instant;
import java.util.Date;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x509.BasicConstraints;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.GeneralName;
import org.bouncycastle.asn1.x509.GeneralNames;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.openssl.jcajce.JcaPEMWriter;
import org.bouncycastle.openssl.jcajce.JcaPKCS8Generator;
import org.bouncycastle.operator.OperatorCreationException;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;

/// A certificate authority for one test, as PEM files in a directory.
final class Certificates {
  private static final X500Name AUTHORITY = new X500Name("CN=test-ca");

  private final Path directory;
  private final KeyPair authority;

  Certificates(Path directory) throws IOException, GeneralSecurityException {
    this.directory = directory;
    this.authority = keyPair();
    write("ca.crt", sign(AUTHORITY, authority, true));
    issue("server", "CN=kube-apiserver");
    issue("admin", "O=system:masters,CN=admin");
    issue("controllers", "CN=system:kube-controller-manager");
    issue("scheduler", "CN=system:kube-scheduler");
    KeyPair accounts = keyPair();
    write("sa.key", new JcaPKCS8Generator(accounts.getPrivate(), null).generate());
    write("sa.pub", accounts.getPublic());
  }

  Path file(String name) {
    return directory.resolve(name);
  }

  private void issue(String file, String subject) throws IOException, GeneralSecurityException {
    KeyPair pair = keyPair();
    write(file + ".crt", sign(new X500Name(subject), pair, false));
    write(file + ".key", new JcaPKCS8Generator(pair.getPrivate(), null).generate());
  }

  private static KeyPair keyPair() throws GeneralSecurityException {
    KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
    generator.initialize(256);
    return generator.generateKeyPair();
  }

  private X509CertificateHolder sign(X500Name subject, KeyPair pair, boolean isAuthority)
      throws IOException {
    Instant now = Instant.now();
    var builder =
        new JcaX509v3CertificateBuilder(
            AUTHORITY,
            new BigInteger(64, new SecureRandom()),
            Date.from(now.minusSeconds(7 * 86_400)),
            Date.from(now.plusSeconds(7 * 86_400)),
            subject,
            pair.getPublic());
    builder.addExtension(Extension.basicConstraints, true, new BasicConstraints(isAuthority));
    if (!isAuthority) {
      GeneralName[] names = {
        new GeneralName(GeneralName.dNSName, "localhost"),
        new GeneralName(GeneralName.iPAddress, "127.0.0.1")
      };
      builder.addExtension(Extension.subjectAlternativeName, false, new GeneralNames(names));
    }
    try {
      return builder.build(
          new JcaContentSignerBuilder("SHA256withECDSA").build(authority.getPrivate()));
    } catch (OperatorCreationException e) {
      throw new IllegalStateException(e);
    }
  }

  private void write(String file, Object thing) throws IOException {
    StringWriter text = new StringWriter();
    try (JcaPEMWriter writer = new JcaPEMWriter(text)) {
      writer.writeObject(thing);
    }
    Files.writeString(directory.resolve(file), text.toString());
  }
}
