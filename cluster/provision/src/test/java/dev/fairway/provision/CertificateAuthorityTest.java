// SPDX-License-Identifier: Apache-2.0
package dev.fairway.provision;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fairway.net.IpAddress;
import dev.fairway.provision.CertificateAuthority.KeyFiles;
import dev.fairway.provision.CertificateAuthority.Subject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CertificateAuthorityTest {
  private static final Instant NOW = Instant.parse("2026-06-01T00:00:00Z");
  private static final Subject SERVER =
      new Subject(
          "kube-apiserver",
          List.of(),
          List.of("kubernetes"),
          List.of(IpAddress.parse("10.32.0.1"), IpAddress.parse("fd00::1")));

  @TempDir Path directory;

  @Test
  void issuesCertificatesThatItVouchesFor() throws Exception {
    CertificateAuthority authority = CertificateAuthority.openOrCreate(directory, NOW);
    KeyFiles node = authority.issue("node", Subject.client("system:node:worker-0", "system:nodes"));
    X509Certificate certificate = Pem.readCertificate(node.certificate());
    certificate.verify(Pem.readCertificate(authority.certificateFile()).getPublicKey());
    assertThat(certificate.getSubjectX500Principal().getName())
        .contains("CN=system:node:worker-0")
        .contains("O=system:nodes");
    assertThat(certificate.getExtendedKeyUsage()).containsExactly("1.3.6.1.5.5.7.3.2");
    assertThat(certificate.getBasicConstraints()).isEqualTo(-1);
  }

  @Test
  void namesServersByAddressAndName() throws Exception {
    CertificateAuthority authority = CertificateAuthority.openOrCreate(directory, NOW);
    X509Certificate certificate =
        Pem.readCertificate(authority.issue("server", SERVER).certificate());
    assertThat(certificate.getSubjectAlternativeNames().stream().map(n -> n.get(1).toString()))
        .containsExactly("kubernetes", "10.32.0.1", "fd00:0:0:0:0:0:0:1");
    assertThat(certificate.getExtendedKeyUsage()).containsExactly("1.3.6.1.5.5.7.3.1");
  }

  @Test
  void keysAreReadableByTheirOwnerOnly() throws IOException {
    CertificateAuthority authority = CertificateAuthority.openOrCreate(directory, NOW);
    for (Path key :
        List.of(
            directory.resolve("ca.key"),
            authority.issue("a", Subject.client("a")).key(),
            authority.signingKeys("tokens").key())) {
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(key)))
          .isEqualTo("rw-------");
    }
  }

  @Test
  void usesWhatIsGoodAgainAndRenewsTheRest() throws IOException {
    CertificateAuthority first = CertificateAuthority.openOrCreate(directory, NOW);
    Path file = first.issue("server", SERVER).certificate();
    String made = Files.readString(file);
    CertificateAuthority again = CertificateAuthority.openOrCreate(directory, NOW);
    again.issue("server", SERVER);
    assertThat(Files.readString(file)).isEqualTo(made);

    Subject moved =
        new Subject("kube-apiserver", List.of(), List.of(), List.of(IpAddress.parse("10.32.0.2")));
    again.issue("server", moved);
    String renewed = Files.readString(file);
    assertThat(renewed).isNotEqualTo(made);

    Instant nearItsEnd = NOW.plus(Duration.ofDays(340));
    CertificateAuthority.openOrCreate(directory, nearItsEnd).issue("server", moved);
    assertThat(Files.readString(file)).isNotEqualTo(renewed);
  }

  @Test
  void saysWhichFileIsBroken() throws IOException {
    CertificateAuthority.openOrCreate(directory, NOW);
    Files.writeString(directory.resolve("ca.key"), "-----BEGIN PRIVATE KEY-----\n!!");
    assertThatThrownBy(() -> CertificateAuthority.openOrCreate(directory, NOW))
        .isInstanceOf(ProvisionException.class)
        .hasMessageContaining(directory.toString())
        .hasMessageContaining("ca.key holds no PRIVATE KEY");
  }
}
