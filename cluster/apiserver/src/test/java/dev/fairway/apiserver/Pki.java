// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver;

import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.math.BigInteger;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.SecureRandom;
import java.security.spec.ECGenParameterSpec;
import java.time.Instant;
import java.util.Date;
import java.util.List;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x500.X500NameBuilder;
import org.bouncycastle.asn1.x500.style.BCStyle;
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

/// A certificate authority and its children, as PEM files in a directory.
final class Pki {
  private static final X500Name CA = new X500Name("CN=test-ca");

  private final Path directory;
  private final KeyPair ca;

  Pki(Path directory) {
    this.directory = directory;
    this.ca = keyPair();
    write("ca.crt", sign(CA, ca, true));
    issue("server", "kube-apiserver", List.of());
    issue("admin", "admin", List.of("system:masters"));
    issue("kubelet-client", "kube-apiserver-kubelet-client", List.of("system:masters"));
    issue("node", "system:node:worker-0", List.of("system:nodes"));
    issue("nobody", "nobody", List.of());
    KeyPair accounts = keyPair();
    writeKey("sa.key", accounts);
    write("sa.pub", accounts.getPublic());
  }

  Path file(String name) {
    return directory.resolve(name);
  }

  void issue(String file, String commonName, List<String> organizations) {
    X500NameBuilder name = new X500NameBuilder(BCStyle.INSTANCE);
    organizations.forEach(organization -> name.addRDN(BCStyle.O, organization));
    name.addRDN(BCStyle.CN, commonName);
    KeyPair pair = keyPair();
    write(file + ".crt", sign(name.build(), pair, false));
    writeKey(file + ".key", pair);
  }

  private static KeyPair keyPair() {
    try {
      KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
      generator.initialize(new ECGenParameterSpec("secp256r1"));
      return generator.generateKeyPair();
    } catch (GeneralSecurityException impossible) {
      throw new IllegalStateException(impossible);
    }
  }

  private X509CertificateHolder sign(X500Name subject, KeyPair pair, boolean authority) {
    try {
      Instant now = Instant.now();
      var builder =
          new JcaX509v3CertificateBuilder(
              CA,
              new BigInteger(64, new SecureRandom()),
              Date.from(now.minusSeconds(60)),
              Date.from(now.plusSeconds(86_400)),
              subject,
              pair.getPublic());
      builder.addExtension(Extension.basicConstraints, true, new BasicConstraints(authority));
      if (!authority) {
        builder.addExtension(
            Extension.subjectAlternativeName,
            false,
            new GeneralNames(
                new GeneralName[] {
                  new GeneralName(GeneralName.dNSName, "localhost"),
                  new GeneralName(GeneralName.dNSName, "hook.hooks.svc"),
                  new GeneralName(
                      GeneralName.iPAddress, InetAddress.getLoopbackAddress().getHostAddress())
                }));
      }
      return builder.build(new JcaContentSignerBuilder("SHA256withECDSA").build(ca.getPrivate()));
    } catch (OperatorCreationException | IOException broken) {
      throw new IllegalStateException(broken);
    }
  }

  private void writeKey(String file, KeyPair pair) {
    try {
      write(file, new JcaPKCS8Generator(pair.getPrivate(), null).generate());
    } catch (IOException broken) {
      throw new UncheckedIOException(broken);
    }
  }

  private void write(String file, Object thing) {
    try {
      StringWriter text = new StringWriter();
      try (JcaPEMWriter writer = new JcaPEMWriter(text)) {
        writer.writeObject(thing);
      }
      Files.writeString(directory.resolve(file), text.toString());
    } catch (IOException broken) {
      throw new UncheckedIOException(broken);
    }
  }
}
