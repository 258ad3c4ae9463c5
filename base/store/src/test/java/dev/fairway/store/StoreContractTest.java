// SPDX-License-Identifier: Apache-2.0
package dev.fairway.store;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

/// What every engine must do; a new one is added to [#engines].
@ParameterizedClass
@MethodSource("engines")
class StoreContractTest {
  /// An engine with a history of at least 1000 revisions.
  record Engine(String name, java.util.function.Function<Path, Store> open) {
    @Override
    public String toString() {
      return name;
    }
  }

  static Stream<Engine> engines() {
    return Stream.of(
        new Engine(
            "embedded",
            directory -> EmbeddedStore.open(StoreConfig.of(directory.resolve("store.db")))),
        new Engine("in memory", _ -> EmbeddedStore.inMemory()),
        new Engine("etcd", _ -> EtcdStore.open(server().config())));
  }

  private static @TempDir Path etcdDirectory;
  private static @Nullable EtcdServer etcd;

  /// One for all tests; each leaves it without keys.
  private static EtcdServer server() {
    EtcdServer running = etcd;
    if (running == null) {
      try {
        running = EtcdServer.start(etcdDirectory);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
      etcd = running;
    }
    return running;
  }

  @AfterAll
  static void stopEtcd() {
    EtcdServer running = etcd;
    if (running != null) {
      running.close();
      etcd = null;
    }
  }

  @Parameter Engine engine;
  @TempDir Path directory;
  Store store;

  @BeforeEach
  void open() {
    store = engine.open().apply(directory);
  }

  @AfterEach
  void close() {
    if (engine.name().equals("etcd")) {
      try (Store left = engine.open().apply(directory)) {
        for (Entry entry : left.list("/", null, 0, 0).entries()) {
          left.delete(entry.key(), entry.modRevision());
        }
      }
    }
    store.close();
  }

  static byte[] bytes(String text) {
    return text.getBytes(UTF_8);
  }

  static String text(@Nullable Entry entry) {
    return entry == null ? "(none)" : new String(entry.value(), UTF_8);
  }

  static List<String> keys(Page page) {
    return page.entries().stream().map(Entry::key).toList();
  }

  @Test
  void everyWriteTakesTheNextRevision() {
    long start = store.revision();
    long created = store.create("/a", bytes("1"));
    long updated = store.update("/a", bytes("2"), created);
    long other = store.create("/b", bytes("x"));
    long deleted = store.delete("/a", updated);

    assertThat(List.of(created, updated, other, deleted))
        .containsExactly(start + 1, start + 2, start + 3, start + 4);
    assertThat(store.revision()).isEqualTo(deleted);
    assertThat(store.get("/a")).isNull();
    assertThat(text(store.get("/b"))).isEqualTo("x");
  }

  @Test
  void aReaderSeesItsOwnWrite() {
    long created = store.create("/a", bytes("1"));
    Entry entry = store.get("/a");
    assertThat(entry).isNotNull();
    assertThat(entry.createRevision()).isEqualTo(created);
    assertThat(entry.modRevision()).isEqualTo(created);

    long updated = store.update("/a", bytes("2"), created);
    Entry after = store.get("/a");
    assertThat(text(after)).isEqualTo("2");
    assertThat(after.createRevision()).isEqualTo(created);
    assertThat(after.modRevision()).isEqualTo(updated);
  }

  @Test
  void refusesWithWhatIsThere() {
    long created = store.create("/a", bytes("1"));
    long before = store.revision();

    KeyExists exists = catchThrowableOfType(KeyExists.class, () -> store.create("/a", bytes("2")));
    assertThat(text(exists.actual())).isEqualTo("1");
    RevisionMismatch stale =
        catchThrowableOfType(
            RevisionMismatch.class, () -> store.update("/a", bytes("2"), created - 1));
    assertThat(text(stale.actual())).isEqualTo("1");
    RevisionMismatch gone =
        catchThrowableOfType(RevisionMismatch.class, () -> store.delete("/none", 5));
    assertThat(gone.actual()).isNull();
    assertThat(gone).hasMessage("key /none does not exist, expected revision 5");

    assertThat(store.revision()).as("a refusal takes no revision").isEqualTo(before);
  }

  @Test
  void refusesWhatIsNoKeyOrTooLarge() {
    assertThatThrownBy(() -> store.create("", bytes("1")))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> store.create("/a", new byte[(8 << 20) + 1]))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("/a has 8388609 bytes");
  }

  @Test
  void listsAPrefixInPagesOfOneRevision() {
    for (String key : List.of("/p/c", "/p/a", "/q/a", "/p/b", "/p", "/p/d")) {
      store.create(key, bytes(key));
    }
    Page first = store.list("/p/", null, 2, 0);
    assertThat(keys(first)).containsExactly("/p/a", "/p/b");
    assertThat(first.more()).isTrue();

    store.create("/p/bb", bytes("late"));
    store.delete("/p/c", store.get("/p/c").modRevision());
    Page second = store.list("/p/", "/p/b", 2, first.revision());
    assertThat(keys(second)).containsExactly("/p/c", "/p/d");
    assertThat(second.more()).isFalse();
    assertThat(second.revision()).isEqualTo(first.revision());

    assertThat(keys(store.list("/p/", null, 0, 0)))
        .containsExactly("/p/a", "/p/b", "/p/bb", "/p/d");
    assertThat(keys(store.list("/nothing/", null, 0, 0))).isEmpty();
  }

  private record FirstRevision(CompletableFuture<Long> revision) implements Listener {
    @Override
    public void events(List<Event> events) {
      revision.complete(events.getFirst().revision());
    }

    @Override
    public void ended(@Nullable StoreException cause) {
      revision.completeExceptionally(new IllegalStateException("ended", cause));
    }
  }

  @Test
  void aWatchThatBeginsWhileOthersWriteMissesNothing() throws Exception {
    AtomicBoolean done = new AtomicBoolean();
    Thread writer =
        Thread.ofPlatform()
            .start(() -> {
              for (long revision = store.create("/w", bytes("0")); !done.get(); ) {
                revision = store.update("/w", bytes("x"), revision);
              }
            });
    try {
      for (int i = 0; i < 300; i++) {
        long from = store.revision();
        CompletableFuture<Long> first = new CompletableFuture<>();
        try (Watch _ = store.watch("/", from, new FirstRevision(first))) {
          assertThat(first.get(30, TimeUnit.SECONDS)).isEqualTo(from + 1);
        }
      }
    } finally {
      done.set(true);
      writer.join();
    }
  }

  @Test
  void watchReplaysHistoryThenFollows() throws Exception {
    long start = store.revision();
    long created = store.create("/w/a", bytes("1"));
    store.create("/other", bytes("x"));
    long updated = store.update("/w/a", bytes("2"), created);
    Recorder recorder = new Recorder();
    try (Watch watch = store.watch("/w/", start, recorder)) {
      long deleted = store.delete("/w/a", updated);
      List<Event> events = recorder.awaitEvents(3);

      assertThat(events).extracting(Event::revision).containsExactly(created, updated, deleted);
      assertThat(events.get(0).isCreate()).isTrue();
      assertThat(events.get(1).type()).isEqualTo(Event.Type.PUT);
      assertThat(text(events.get(1).before())).isEqualTo("1");
      assertThat(events.get(2).type()).isEqualTo(Event.Type.DELETE);
      assertThat(text(events.get(2).entry())).isEqualTo("2");
      assertThat(events.get(2).entry().modRevision()).isEqualTo(deleted);
      Recorder later = new Recorder();
      store.watch("/w/", updated, later);
      assertThat(later.awaitEvents(1)).extracting(Event::revision).containsExactly(deleted);
    }
  }

  @Test
  void aWatchTellsHowFarItHasCome() throws Exception {
    long start = store.revision();
    Recorder recorder = new Recorder();
    try (Watch watch = store.watch("/w/", start, recorder)) {
      store.create("/elsewhere", bytes("1"));
      long mine = store.create("/w/a", bytes("1"));
      recorder.awaitEvents(1);
      // The position moves right after the call that delivered.
      long deadline = System.nanoTime() + 10_000_000_000L;
      while (watch.deliveredRevision() < mine && System.nanoTime() < deadline) {
        Thread.onSpinWait();
      }
      assertThat(watch.deliveredRevision()).isEqualTo(mine);
    }
  }

  @Test
  void aBrokenListenerEndsOnlyItsOwnWatch() throws Exception {
    long start = store.revision();
    List<Event> seen = new CopyOnWriteArrayList<>();
    Recorder broken = new Recorder();
    store.watch(
        "/",
        start,
        new Listener() {
          @Override
          public void events(List<Event> events) {
            seen.addAll(events);
            throw new IllegalStateException("on purpose");
          }

          @Override
          public void ended(@Nullable StoreException cause) {
            broken.ended(cause);
          }
        });
    store.create("/a", bytes("1"));
    assertThat(broken.awaitEnd()).isInstanceOf(Compacted.class);
    Recorder healthy = new Recorder();
    store.watch("/", start, healthy);
    healthy.awaitEvents(1);
    store.create("/b", bytes("1"));
    healthy.awaitEvents(2);
    assertThat(seen).hasSize(1);
  }

  @Test
  void compactionForgetsOnlyTheRevisionsBefore() {
    long a1 = store.create("/a", bytes("1"));
    long b1 = store.create("/b", bytes("1"));
    long a2 = store.update("/a", bytes("2"), a1);
    long gone = store.delete("/b", b1);
    store.create("/c", bytes("1"));
    store.compact(a2);

    assertThat(store.compactedRevision()).isEqualTo(a2);
    assertThat(keys(store.list("/", null, 0, a2))).containsExactly("/a", "/b");
    assertThat(keys(store.list("/", null, 0, gone))).containsExactly("/a");
    assertThatThrownBy(() -> store.list("/", null, 0, b1))
        .isInstanceOf(Compacted.class)
        .hasMessage("revision " + b1 + " is compacted, the oldest is " + a2);
    assertThatThrownBy(() -> store.watch("/", b1, new Recorder())).isInstanceOf(Compacted.class);
    store.compact(a1);
    assertThat(store.compactedRevision()).as("compacting backwards does nothing").isEqualTo(a2);
    store.compact(store.revision());
    assertThat(keys(store.list("/", null, 0, 0))).containsExactly("/a", "/c");
    assertThat(text(store.get("/a"))).isEqualTo("2");
  }

  @Test
  void theFutureIsRefused() {
    long next = store.revision() + 1;
    assertThatThrownBy(() -> store.list("/", null, 0, next)).isInstanceOf(FutureRevision.class);
    assertThatThrownBy(() -> store.watch("/", next, new Recorder()))
        .isInstanceOf(FutureRevision.class);
    assertThatThrownBy(() -> store.compact(next)).isInstanceOf(FutureRevision.class);
  }

  @Test
  void closingEndsWatchesAndCalls() throws Exception {
    Recorder recorder = new Recorder();
    store.watch("/", store.revision(), recorder);
    store.close();
    assertThat(recorder.awaitEnd()).isNull();
    assertThatThrownBy(() -> store.create("/a", bytes("1")))
        .isInstanceOf(StoreUnavailable.class)
        .hasMessageContaining("closed");
    assertThatThrownBy(() -> store.get("/a")).isInstanceOf(StoreUnavailable.class);
    store.close();
  }

  /// Many threads increment one counter by compare-and-set: nothing may be lost, and a watch sees
  /// each step once, in order.
  @Test
  void optimisticWritersLoseNothing() throws Exception {
    long created = store.create("/counter", bytes("0"));
    Recorder recorder = new Recorder();
    store.watch("/counter", created, recorder);
    int threads = 8;
    int steps = 50;
    List<Thread> running = new ArrayList<>();
    for (int t = 0; t < threads; t++) {
      running.add(Thread.ofVirtual().start(() -> increment(steps)));
    }
    for (Thread thread : running) {
      thread.join();
    }
    assertThat(text(store.get("/counter"))).isEqualTo(Integer.toString(threads * steps));
    List<Event> events = recorder.awaitEvents(threads * steps);
    for (int i = 0; i < events.size(); i++) {
      assertThat(text(events.get(i).entry())).isEqualTo(Integer.toString(i + 1));
    }
  }

  private void increment(int steps) {
    int done = 0;
    while (done < steps) {
      Entry entry = store.get("/counter");
      try {
        store.update(
            "/counter",
            bytes(Integer.toString(Integer.parseInt(text(entry)) + 1)),
            entry.modRevision());
        done++;
      } catch (RevisionMismatch lostTheRace) {
        assertThat(lostTheRace.actual()).isNotNull();
      }
    }
  }
}
