// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.apiserver.ApiServer;
import dev.fairway.apiserver.ApiServerConfig;
import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import dev.fairway.provision.CertificateAuthority;
import dev.fairway.provision.CertificateAuthority.KeyFiles;
import dev.fairway.provision.CertificateAuthority.Subject;
import dev.fairway.reconcile.ApiClients;
import dev.fairway.reconcile.ClusterFollower;
import dev.fairway.reconcile.ClusterImage;
import dev.fairway.reconcile.Delta;
import dev.fairway.reconcile.ObjectKey;
import dev.fairway.store.EmbeddedStore;
import dev.fairway.store.Store;
import dev.fairway.store.StoreConfig;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A follower of a real API server: what it is told at first, later, and when the server was away.
class FollowerTest {
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  /// One call of a subscriber.
  private record Told(Delta delta, ClusterImage image) {}

  @TempDir Path directory;
  private final BlockingQueue<Told> told = new LinkedBlockingQueue<>();
  private ApiServerConfig config;
  private Store store;
  private ApiServer server;
  private KubernetesClient client;

  @BeforeEach
  void start() throws IOException {
    CertificateAuthority authority = CertificateAuthority.openOrCreate(directory, Instant.now());
    IpAddress loopback = IpAddress.parse("127.0.0.1");
    KeyFiles serving =
        authority.issue("server", new Subject("server", List.of(), List.of(), List.of(loopback)));
    KeyFiles admin = authority.issue("admin", Subject.client("admin", "system:masters"));
    KeyFiles tokens = authority.signingKeys("tokens");
    store = EmbeddedStore.open(StoreConfig.of(directory.resolve("objects.db")));
    config = config(0, authority.certificateFile(), serving, admin, tokens, loopback);
    server = ApiServer.start(config);
    // A server that comes back comes back at its address.
    config =
        config(
            server.address().getPort(),
            authority.certificateFile(),
            serving,
            admin,
            tokens,
            loopback);
    client = ApiClients.connect(kubeconfig(authority.certificateFile(), admin), "follower-test");
  }

  @AfterEach
  void stop() {
    client.close();
    server.close();
    store.close();
  }

  @Test
  void tellsWhatIsThereThenWhatChanges() throws InterruptedException {
    put("first", "1");
    try (ClusterFollower follower = follow()) {
      Told first = await(t -> true);
      assertThat(first.delta().full()).isTrue();
      assertThat(first.delta().of(ConfigMap.class).get(key("first")).before()).isEmpty();

      put("first", "2");
      Told changed = await(t -> t.delta().of(ConfigMap.class).containsKey(key("first")));
      assertThat(changed.delta().full()).isFalse();
      assertThat(changed.delta().of(ConfigMap.class).get(key("first")).before())
          .hasValueSatisfying(before -> assertThat(before.getData()).containsEntry("value", "1"));
      assertThat(value(changed.image(), "first")).isEqualTo("2");

      client.configMaps().inNamespace("default").withName("first").delete();
      Told removed = await(t -> t.delta().of(ConfigMap.class).containsKey(key("first")));
      assertThat(removed.delta().of(ConfigMap.class).get(key("first")).isRemoval()).isTrue();
      assertThat(removed.image().get(ConfigMap.class, key("first"))).isEmpty();
      assertThat(follower.image().generation()).isGreaterThan(first.image().generation());
    }
  }

  @Test
  void keepsItsImageWhileTheServerIsAwayAndMissesNothing() throws Exception {
    put("kept", "1");
    put("lost", "1");
    try (ClusterFollower follower = follow()) {
      await(t -> t.image().get(ConfigMap.class, key("lost")).isPresent());
      server.close();
      assertThat(value(follower.image(), "kept")).isEqualTo("1");

      server = ApiServer.start(config);
      put("kept", "2");
      client.configMaps().inNamespace("default").withName("lost").delete();
      Told after =
          await(t ->
              t.image().get(ConfigMap.class, key("lost")).isEmpty()
                  && value(t.image(), "kept").equals("2"));
      assertThat(after.image().all(ConfigMap.class)).isNotEmpty();
    }
  }

  @Test
  void aSubscriberThatFailedIsToldEverythingAgain() throws InterruptedException {
    put("object", "1");
    BlockingQueue<Delta> calls = new LinkedBlockingQueue<>();
    AtomicInteger failures = new AtomicInteger();
    ClusterFollower.Builder builder =
        ClusterFollower.of(client)
            .follow(ConfigMap.class)
            .subscribe(
                "fails-once",
                (delta, image) -> {
                  calls.add(delta);
                  if (failures.getAndIncrement() == 0) {
                    throw new IOException("not this time");
                  }
                });
    try (ClusterFollower follower = builder.start()) {
      follower.awaitListed();
      Delta failed = calls.poll(PATIENCE.toSeconds(), TimeUnit.SECONDS);
      assertThat(failed).isNotNull();
      Delta again = calls.poll(PATIENCE.toSeconds(), TimeUnit.SECONDS);
      assertThat(again).isNotNull();
      assertThat(again.full()).isTrue();
      assertThat(again.of(ConfigMap.class)).containsKey(key("object"));
    }
  }

  private ClusterFollower follow() {
    return ClusterFollower.of(client)
        .follow(ConfigMap.class)
        .subscribe("test", (delta, image) -> told.add(new Told(delta, image)))
        .start();
  }

  private Told await(Predicate<Told> wanted) throws InterruptedException {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (true) {
      Told next = told.poll(deadline - System.nanoTime(), TimeUnit.NANOSECONDS);
      assertThat(next).as("what the subscriber was told").isNotNull();
      if (wanted.test(next)) {
        return next;
      }
    }
  }

  private void put(String name, String value) {
    client
        .resource(
            new ConfigMapBuilder()
                .withNewMetadata()
                .withNamespace("default")
                .withName(name)
                .endMetadata()
                .withData(Map.of("value", value))
                .build())
        .createOr(there -> there.update());
  }

  private static ObjectKey key(String name) {
    return new ObjectKey("default", name);
  }

  private static String value(ClusterImage image, String name) {
    return image
        .get(ConfigMap.class, key(name))
        .map(object -> object.getData().get("value"))
        .orElse("(absent)");
  }

  private ApiServerConfig config(
      int port, Path ca, KeyFiles serving, KeyFiles admin, KeyFiles tokens, IpAddress loopback) {
    return new ApiServerConfig(
        new InetSocketAddress(loopback.toInetAddress(), port),
        loopback,
        serving.certificate(),
        serving.key(),
        ca,
        tokens.key(),
        List.of(tokens.certificate()),
        "https://kubernetes.default.svc.cluster.local",
        admin.certificate(),
        admin.key(),
        ca,
        List.of(Prefix.parse("10.32.0.0/16")),
        30000,
        32767,
        "cluster.local",
        store);
  }

  private Path kubeconfig(Path ca, KeyFiles admin) throws IOException {
    return Files.writeString(
        directory.resolve("kubeconfig"),
        """
        apiVersion: v1
        kind: Config
        clusters: [{name: test, cluster: {server: "https://127.0.0.1:%d", certificate-authority-data: %s}}]
        users: [{name: admin, user: {client-certificate-data: %s, client-key-data: %s}}]
        contexts: [{name: test, context: {cluster: test, user: admin}}]
        current-context: test
        """
            .formatted(
                server.address().getPort(),
                base64(ca),
                base64(admin.certificate()),
                base64(admin.key())));
  }

  private static String base64(Path file) throws IOException {
    return Base64.getEncoder().encodeToString(Files.readAllBytes(file));
  }
}
