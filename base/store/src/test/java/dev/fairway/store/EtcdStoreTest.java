// SPDX-License-Identifier: Apache-2.0
package dev.fairway.store;

import static dev.fairway.store.StoreContractTest.bytes;
import static dev.fairway.store.StoreContractTest.keys;
import static dev.fairway.store.StoreContractTest.text;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.fairway.store.StoreUnavailable.Reason;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What only a store that others share, and that can be away, has to do.
class EtcdStoreTest {
  @TempDir Path directory;
  private EtcdServer etcd;

  @BeforeEach
  void start() throws Exception {
    etcd = EtcdServer.start(directory);
  }

  @AfterEach
  void stop() {
    etcd.close();
  }

  private EtcdConfig config() {
    EtcdConfig all = etcd.config();
    return new EtcdConfig(all.endpoints(), null, "/registry/", 20_000, 64L << 20, Transformer.NONE);
  }

  private String etcdctl(String... arguments) throws Exception {
    List<String> command =
        new ArrayList<>(List.of("etcdctl", "--endpoints=" + config().endpoints().getFirst()));
    command.addAll(List.of(arguments));
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().put("ETCDCTL_API", "3");
    Process process = builder.start();
    process.getOutputStream().close();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(said).isZero();
    return said.strip();
  }

  @Test
  void whatOneServerWroteTheOtherReadsAtOnce() throws Exception {
    try (Store one = EtcdStore.open(config());
        Store other = EtcdStore.open(config())) {
      Recorder recorder = new Recorder();
      other.watch("/registry/", other.revision(), recorder);
      for (int i = 0; i < 50; i++) {
        long revision = one.create("/registry/a/" + i, bytes("" + i));
        Entry read = other.get("/registry/a/" + i);
        assertThat(read).isNotNull();
        assertThat(read.modRevision()).isEqualTo(revision);
        long changed = other.update("/registry/a/" + i, bytes("x"), revision);
        assertThat(text(one.get("/registry/a/" + i))).isEqualTo("x");
        assertThatThrownBy(() -> one.delete("/registry/a/" + changed, revision))
            .isInstanceOf(RevisionMismatch.class);
      }
      assertThat(recorder.awaitEvents(100)).hasSize(100);
      assertThat(etcdctl("get", "/registry/a/7", "--print-value-only")).isEqualTo("x");
    }
  }

  @Test
  void keysOfOthersAreNotOurs() throws Exception {
    etcdctl("put", "elsewhere", "theirs");
    try (Store store = EtcdStore.open(config())) {
      Recorder recorder = new Recorder();
      store.watch("/registry/", store.revision(), recorder);
      long before = store.create("/registry/a", bytes("1"));
      for (int i = 0; i < 5; i++) {
        etcdctl("put", "elsewhere", "theirs " + i);
      }
      assertThat(store.revision()).isEqualTo(before + 5);
      etcdctl("put", "/registry/b", "by hand");
      assertThat(text(store.get("/registry/b"))).isEqualTo("by hand");
      etcdctl("del", "--prefix", "/registry/");
      assertThat(store.list("/", null, 0, 0).entries()).isEmpty();

      List<Event> events = recorder.awaitEvents(4);
      assertThat(events)
          .extracting(event -> event.entry().key() + " " + event.type())
          .containsExactly(
              "/registry/a PUT", "/registry/b PUT", "/registry/a DELETE", "/registry/b DELETE");
      assertThat(events.get(2).revision()).isEqualTo(events.get(3).revision());
      assertThatThrownBy(() -> store.create("/elsewhere", bytes("1")))
          .hasMessage("/elsewhere does not start with /registry/");
    }
  }

  @Test
  void aKilledEtcdIsMissedAndFoundAgainWithoutAGap() throws Exception {
    try (Store store = EtcdStore.open(config());
        Store other = EtcdStore.open(config())) {
      Recorder recorder = new Recorder();
      store.watch("/registry/", store.revision(), recorder);
      long created = store.create("/registry/a", bytes("1"));
      etcd.kill();
      StoreUnavailable away =
          catchThrowableOfType(
              StoreUnavailable.class, () -> store.update("/registry/a", bytes("2"), created));
      assertThat(away.reason()).isEqualTo(Reason.UNREACHABLE);
      assertThat(away)
          .hasMessageContaining("etcd " + config().endpoints().getFirst() + " does not answer")
          .hasMessageContaining("whether /registry/a was written is known when it does");
      assertThatThrownBy(() -> store.get("/registry/a")).isInstanceOf(StoreUnavailable.class);
      etcd.startAgain();
      Entry entry = awaitReadable(other, "/registry/a");
      assertThat(text(entry)).as("not written after its caller was told").isEqualTo("1");
      long revision = created;
      for (int i = 0; i < 20; i++) {
        revision = other.update("/registry/a", bytes("" + i), revision);
      }
      assertThat(text(store.get("/registry/a"))).isEqualTo("19");
      assertThat(recorder.awaitEvents(21))
          .extracting(Event::revision)
          .doesNotHaveDuplicates()
          .isSorted();
    }
  }

  /// The client waits longer each time before it tries to connect again.
  private static Entry awaitReadable(Store store, String key) {
    long deadline = System.nanoTime() + Duration.ofSeconds(60).toNanos();
    while (true) {
      try {
        return store.get(key);
      } catch (StoreUnavailable e) {
        assertThat(System.nanoTime()).isLessThan(deadline);
      }
    }
  }

  @Test
  void startsAgainWithItsHistory() throws Exception {
    long created;
    try (Store store = EtcdStore.open(config())) {
      created = store.create("/registry/a", bytes("1"));
      store.update("/registry/a", bytes("2"), created);
    }
    try (Store store = EtcdStore.open(config())) {
      Recorder recorder = new Recorder();
      store.watch("/registry/", created, recorder);
      assertThat(text(recorder.awaitEvents(1).getFirst().entry())).isEqualTo("2");
      assertThat(keys(store.list("/registry/", null, 0, created))).containsExactly("/registry/a");
      store.compact(store.revision());
      assertThatThrownBy(() -> store.watch("/registry/", created, recorder))
          .isInstanceOf(Compacted.class);
    }
    try (Store store = EtcdStore.open(config())) {
      assertThat(text(store.get("/registry/a"))).isEqualTo("2");
    }
  }

  @Test
  void namesWhatItCannotUse() {
    EtcdConfig nowhere = EtcdConfig.of(List.of(URI.create("http://127.0.0.1:1")), null);
    StoreUnavailable away =
        catchThrowableOfType(StoreUnavailable.class, () -> EtcdStore.open(nowhere));
    assertThat(away.reason()).isEqualTo(Reason.UNREACHABLE);
    assertThat(away).hasMessageContaining("etcd http://127.0.0.1:1 does not answer");
    assertThatThrownBy(() -> EtcdConfig.of(List.of(URI.create("https://127.0.0.1:1")), null))
        .hasMessage("etcd endpoint https://127.0.0.1:1: must be http://HOST:PORT");
    try (Store store = EtcdStore.open(config())) {
      assertThatThrownBy(() -> store.create("/registry/large", new byte[2 << 20]))
          .hasMessage("/registry/large is larger than etcd takes (its --max-request-bytes)");
    }
  }
}
