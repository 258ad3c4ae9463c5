// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab.bench;

import dev.fairway.apiserver.ApiServer;
import dev.fairway.apiserver.ApiServerConfig;
import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import dev.fairway.provision.CertificateAuthority;
import dev.fairway.provision.CertificateAuthority.KeyFiles;
import dev.fairway.provision.CertificateAuthority.Subject;
import dev.fairway.reconcile.ApiClients;
import dev.fairway.store.EmbeddedStore;
import dev.fairway.store.Store;
import dev.fairway.store.StoreConfig;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Base64;
import java.util.List;

/// A real API server on loopback, and clients of several identities.
public final class LocalApi implements AutoCloseable {
  private final Path directory;
  private final CertificateAuthority authority;
  private final Store store;
  private final ApiServer server;

  /// @param directory keeps keys and objects; must exist
  public LocalApi(Path directory) throws IOException {
    this.directory = directory;
    authority = CertificateAuthority.openOrCreate(directory, Instant.now());
    IpAddress loopback = IpAddress.parse("127.0.0.1");
    KeyFiles serving =
        authority.issue("server", new Subject("server", List.of(), List.of(), List.of(loopback)));
    KeyFiles admin = authority.issue("admin", Subject.client("admin", "system:masters"));
    KeyFiles tokens = authority.signingKeys("tokens");
    store = EmbeddedStore.open(StoreConfig.of(directory.resolve("objects.db")));
    server =
        ApiServer.start(
            new ApiServerConfig(
                new InetSocketAddress(loopback.toInetAddress(), 0),
                loopback,
                serving.certificate(),
                serving.key(),
                authority.certificateFile(),
                tokens.key(),
                List.of(tokens.certificate()),
                "https://kubernetes.default.svc.cluster.local",
                admin.certificate(),
                admin.key(),
                authority.certificateFile(),
                List.of(Prefix.parse("10.32.0.0/16")),
                30000,
                32767,
                "cluster.local",
                store));
  }

  public KubernetesClient admin() throws IOException {
    return client("admin", "admin", "system:masters");
  }

  public KubernetesClient node(String name) throws IOException {
    return client(name, "system:node:" + name, "system:nodes");
  }

  /// Somebody who has only the rights that roles give.
  public KubernetesClient user(String name) throws IOException {
    return client(name, name, "users");
  }

  private KubernetesClient client(String name, String user, String group) throws IOException {
    KeyFiles key = authority.issue(name, Subject.client(user, group));
    Path kubeconfig =
        Files.writeString(
            directory.resolve(name + ".kubeconfig"),
            """
            apiVersion: v1
            kind: Config
            clusters: [{name: test, cluster: {server: "https://127.0.0.1:%d", certificate-authority-data: %s}}]
            users: [{name: user, user: {client-certificate-data: %s, client-key-data: %s}}]
            contexts: [{name: test, context: {cluster: test, user: user}}]
            current-context: test
            """
                .formatted(
                    server.address().getPort(),
                    base64(authority.certificateFile()),
                    base64(key.certificate()),
                    base64(key.key())));
    return ApiClients.connect(kubeconfig, "test-" + name);
  }

  private static String base64(Path file) throws IOException {
    return Base64.getEncoder().encodeToString(Files.readAllBytes(file));
  }

  @Override
  public void close() {
    server.close();
    store.close();
  }
}
