// SPDX-License-Identifier: Apache-2.0
package dev.fairway.testing;

import dev.fairway.provision.CertificateAuthority;
import dev.fairway.provision.CertificateAuthority.KeyFiles;
import dev.fairway.provision.CertificateAuthority.Subject;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;

/// Keys and certificates for one server, in files only until everybody has read them.
final class ScratchKeys implements AutoCloseable {
  private final Path directory;
  private final CertificateAuthority authority;

  private ScratchKeys(Path directory, CertificateAuthority authority) {
    this.directory = directory;
    this.authority = authority;
  }

  static ScratchKeys make() throws IOException {
    Path directory = Files.createTempDirectory("fairway-test-keys");
    return new ScratchKeys(directory, CertificateAuthority.openOrCreate(directory, Instant.now()));
  }

  Path caCertificate() {
    return authority.certificateFile();
  }

  String caCertificateText() throws IOException {
    return Files.readString(caCertificate());
  }

  KeyFiles server() {
    return authority.issue(
        "server",
        new Subject(
            "kube-apiserver",
            List.of(),
            List.of("localhost", "kubernetes", "kubernetes.default.svc"),
            List.of(TestApiServer.LOOPBACK)));
  }

  KeyFiles kubeletClient() {
    return client("kube-apiserver-kubelet-client", "system:masters");
  }

  KeyFiles client(String user, String... groups) {
    return authority.issue(user.replace(':', '-'), Subject.client(user, groups));
  }

  KeyFiles tokens() {
    return authority.signingKeys("tokens");
  }

  @Override
  public void close() throws IOException {
    try (DirectoryStream<Path> files = Files.newDirectoryStream(directory)) {
      for (Path file : files) {
        Files.delete(file);
      }
    }
    Files.delete(directory);
  }
}
