// SPDX-License-Identifier: Apache-2.0
package dev.fairway.provision;

import dev.fairway.net.IpAddress;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PrivateKey;
import java.security.SecureRandom;
import java.security.cert.X509Certificate;
import java.security.spec.ECGenParameterSpec;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x500.X500NameBuilder;
import org.bouncycastle.asn1.x500.style.BCStyle;
import org.bouncycastle.asn1.x509.BasicConstraints;
import org.bouncycastle.asn1.x509.ExtendedKeyUsage;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.GeneralName;
import org.bouncycastle.asn1.x509.GeneralNames;
import org.bouncycastle.asn1.x509.KeyPurposeId;
import org.bouncycastle.asn1.x509.KeyUsage;
import org.bouncycastle.cert.CertIOException;
import org.bouncycastle.cert.X509v3CertificateBuilder;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.operator.OperatorCreationException;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;

/// The cluster's own certificate authority: ECDSA on P-256, X.509 v3 (RFC 5280).
///
/// Certificates are kept as `NAME.crt` and `NAME.key` in one directory. One that is there, belongs
/// to this authority and is good for another thirty days is used again; any other is made anew.
public final class CertificateAuthority {
  private static final Duration AUTHORITY_LIFETIME = Duration.ofDays(3650);
  private static final Duration LIFETIME = Duration.ofDays(365);
  private static final Duration LEAST_LEFT = Duration.ofDays(30);
  private static final Duration CLOCK_SKEW = Duration.ofMinutes(5);
  private static final String SIGNATURE = "SHA256withECDSA";

  private final Path directory;
  private final Instant now;
  private final PrivateKey key;
  private final X509Certificate certificate;

  private CertificateAuthority(
      Path directory, Instant now, PrivateKey key, X509Certificate certificate) {
    this.directory = directory;
    this.now = now;
    this.key = key;
    this.certificate = certificate;
  }

  /// A client or server that the authority vouches for.
  ///
  /// @param commonName the user name of a client
  /// @param organizations the groups of a client
  /// @param dnsNames what a server may be called
  /// @param addresses where a server may be reached
  public record Subject(
      String commonName,
      List<String> organizations,
      List<String> dnsNames,
      List<IpAddress> addresses) {
    public Subject {
      organizations = List.copyOf(organizations);
      dnsNames = List.copyOf(dnsNames);
      addresses = List.copyOf(addresses);
    }

    public static Subject client(String user, String... groups) {
      return new Subject(user, List.of(groups), List.of(), List.of());
    }

    boolean isServer() {
      return !dnsNames.isEmpty() || !addresses.isEmpty();
    }
  }

  /// A certificate and its private key, as PEM files.
  public record KeyFiles(Path certificate, Path key) {}

  /// Opens the authority kept in a directory, making it if there is none.
  ///
  /// @throws ProvisionException if the files are there but cannot be used
  public static CertificateAuthority openOrCreate(Path directory, Instant now) {
    KeyFiles files = new KeyFiles(directory.resolve("ca.crt"), directory.resolve("ca.key"));
    try {
      Files.createDirectories(directory);
      if (Files.exists(files.certificate) && Files.exists(files.key)) {
        return new CertificateAuthority(
            directory, now, Pem.readPrivateKey(files.key), Pem.readCertificate(files.certificate));
      }
      KeyPair pair = newKeyPair();
      X500Name name = new X500Name("CN=fairway-ca");
      X509v3CertificateBuilder builder =
          new JcaX509v3CertificateBuilder(
              name,
              serial(),
              Date.from(now.minus(CLOCK_SKEW)),
              Date.from(now.plus(AUTHORITY_LIFETIME)),
              name,
              pair.getPublic());
      builder.addExtension(Extension.basicConstraints, true, new BasicConstraints(true));
      builder.addExtension(
          Extension.keyUsage, true, new KeyUsage(KeyUsage.keyCertSign | KeyUsage.cRLSign));
      X509Certificate certificate = sign(builder, pair.getPrivate());
      Pem.writePrivateKey(files.key, pair.getPrivate());
      Pem.writeCertificate(files.certificate, certificate);
      return new CertificateAuthority(directory, now, pair.getPrivate(), certificate);
    } catch (IOException | GeneralSecurityException e) {
      throw new ProvisionException(
          "certificate authority in " + directory + " cannot be used: " + e.getMessage(), e);
    }
  }

  /// The authority's own certificate.
  public Path certificateFile() {
    return directory.resolve("ca.crt");
  }

  /// The files of a certificate for `subject`, made if there is none to use again.
  public KeyFiles issue(String fileName, Subject subject) {
    KeyFiles files =
        new KeyFiles(directory.resolve(fileName + ".crt"), directory.resolve(fileName + ".key"));
    try {
      if (!isGood(files, subject)) {
        KeyPair pair = newKeyPair();
        X509Certificate issued = sign(request(subject, pair), key);
        Pem.writePrivateKey(files.key, pair.getPrivate());
        Pem.writeCertificate(files.certificate, issued);
      }
      return files;
    } catch (IOException | GeneralSecurityException e) {
      throw new ProvisionException(
          "certificate " + files.certificate + " cannot be made: " + e.getMessage(), e);
    }
  }

  /// A key pair for signing service-account tokens, made if there is none.
  public KeyFiles signingKeys(String fileName) {
    KeyFiles files =
        new KeyFiles(directory.resolve(fileName + ".pub"), directory.resolve(fileName + ".key"));
    try {
      if (!Files.exists(files.key) || !Files.exists(files.certificate)) {
        KeyPair pair = newKeyPair();
        Pem.writePrivateKey(files.key, pair.getPrivate());
        Pem.write(files.certificate, "PUBLIC KEY", pair.getPublic().getEncoded(), Pem.FOR_ALL);
      }
      return files;
    } catch (IOException | GeneralSecurityException e) {
      throw new ProvisionException("key " + files.key + " cannot be made: " + e.getMessage(), e);
    }
  }

  private boolean isGood(KeyFiles files, Subject subject) {
    if (!Files.exists(files.certificate) || !Files.exists(files.key)) {
      return false;
    }
    try {
      X509Certificate there = Pem.readCertificate(files.certificate);
      there.verify(certificate.getPublicKey());
      return there.getNotAfter().toInstant().isAfter(now.plus(LEAST_LEFT))
          && new X500Name(there.getSubjectX500Principal().getName()).equals(distinguished(subject))
          && alternativeNames(there).equals(alternativeNames(subject));
    } catch (IOException | GeneralSecurityException e) {
      return false;
    }
  }

  private static List<String> alternativeNames(X509Certificate there)
      throws GeneralSecurityException {
    List<String> names = new ArrayList<>();
    var found = there.getSubjectAlternativeNames();
    if (found != null) {
      found.forEach(name -> names.add(String.valueOf(name.get(1))));
    }
    return names;
  }

  private static List<String> alternativeNames(Subject subject) {
    List<String> names = new ArrayList<>(subject.dnsNames());
    subject.addresses().forEach(address -> names.add(address.toInetAddress().getHostAddress()));
    return names;
  }

  private static X500Name distinguished(Subject subject) {
    X500NameBuilder name = new X500NameBuilder(BCStyle.INSTANCE);
    subject.organizations().forEach(organization -> name.addRDN(BCStyle.O, organization));
    return name.addRDN(BCStyle.CN, subject.commonName()).build();
  }

  private X509v3CertificateBuilder request(Subject subject, KeyPair pair) throws CertIOException {
    X509v3CertificateBuilder builder =
        new JcaX509v3CertificateBuilder(
            new X500Name(certificate.getSubjectX500Principal().getName()),
            serial(),
            Date.from(now.minus(CLOCK_SKEW)),
            Date.from(now.plus(LIFETIME)),
            distinguished(subject),
            pair.getPublic());
    builder.addExtension(Extension.basicConstraints, true, new BasicConstraints(false));
    builder.addExtension(Extension.keyUsage, true, new KeyUsage(KeyUsage.digitalSignature));
    builder.addExtension(
        Extension.extendedKeyUsage,
        false,
        new ExtendedKeyUsage(
            subject.isServer() ? KeyPurposeId.id_kp_serverAuth : KeyPurposeId.id_kp_clientAuth));
    if (subject.isServer()) {
      List<GeneralName> names = new ArrayList<>();
      subject.dnsNames().forEach(name -> names.add(new GeneralName(GeneralName.dNSName, name)));
      subject
          .addresses()
          .forEach(a -> names.add(new GeneralName(GeneralName.iPAddress, a.toString())));
      builder.addExtension(
          Extension.subjectAlternativeName,
          false,
          new GeneralNames(names.toArray(GeneralName[]::new)));
    }
    return builder;
  }

  private static X509Certificate sign(X509v3CertificateBuilder builder, PrivateKey key)
      throws GeneralSecurityException {
    try {
      return new JcaX509CertificateConverter()
          .getCertificate(builder.build(new JcaContentSignerBuilder(SIGNATURE).build(key)));
    } catch (OperatorCreationException e) {
      throw new GeneralSecurityException(e);
    }
  }

  private static KeyPair newKeyPair() throws GeneralSecurityException {
    KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
    generator.initialize(new ECGenParameterSpec("secp256r1"));
    return generator.generateKeyPair();
  }

  private static BigInteger serial() {
    return new BigInteger(127, new SecureRandom()).add(BigInteger.ONE);
  }
}
