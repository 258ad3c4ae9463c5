// SPDX-License-Identifier: Apache-2.0
package dev.fairway.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Random;
import java.util.TreeMap;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Random histories against the simplest model there is: a copy of the whole map a revision. With a
/// short history, compaction runs all the time; now and then the store is closed and reopened.
class StoreModelTest {
  private static final int HISTORY = 60;
  @TempDir Path directory;

  @Test
  void behavesLikeACopyARevision() throws Exception {
    for (long seed = 1; seed <= 6; seed++) {
      Path file = directory.resolve("model-" + seed + ".db");
      StoreConfig config = new StoreConfig(file, HISTORY, 40_000, Transformer.NONE);
      run(seed, () -> EmbeddedStore.open(config));
    }
  }

  @Test
  void behavesLikeACopyARevisionInEtcd() throws Exception {
    try (EtcdServer etcd = EtcdServer.start(directory)) {
      EtcdConfig whole = etcd.config();
      EtcdConfig config =
          new EtcdConfig(
              whole.endpoints(), null, whole.keyPrefix(), HISTORY, 40_000, Transformer.NONE);
      run(7, () -> EtcdStore.open(config));
    }
  }

  private static void run(long seed, Supplier<Store> open) throws Exception {
    Random random = new Random(seed);
    List<NavigableMap<String, Entry>> states = new ArrayList<>();
    states.add(new TreeMap<>());
    states.add(new TreeMap<>());
    Store store = open.get();
    try {
      for (int step = 0; step < 600; step++) {
        write(random, store, states);
        if (random.nextInt(5) == 0) {
          compareListing(random, store, states);
        }
        if (random.nextInt(20) == 0) {
          compareWatch(random, store, states);
        }
        if (random.nextInt(100) == 0) {
          store.close();
          store = open.get();
          assertThat(store.revision()).as("seed %d", seed).isEqualTo(states.size() - 1);
        }
      }
    } finally {
      store.close();
    }
  }

  private static void write(Random random, Store store, List<NavigableMap<String, Entry>> states) {
    NavigableMap<String, Entry> state = new TreeMap<>(states.getLast());
    long next = states.size();
    String key = "/" + (char) ('a' + random.nextInt(3)) + "/" + random.nextInt(12);
    byte[] value = new byte[random.nextInt(1500)];
    random.nextBytes(value);
    Entry entry = state.get(key);
    long revision;
    if (entry == null) {
      revision = store.create(key, value);
      state.put(key, new Entry(key, value, next, next));
    } else if (random.nextInt(3) == 0) {
      revision = store.delete(key, entry.modRevision());
      state.remove(key);
    } else {
      revision = store.update(key, value, entry.modRevision());
      state.put(key, new Entry(key, value, entry.createRevision(), next));
    }
    assertThat(revision).isEqualTo(next);
    states.add(state);
  }

  private static void compareListing(
      Random random, Store store, List<NavigableMap<String, Entry>> states) {
    long newest = states.size() - 1L;
    long revision = Math.max(1, newest - random.nextInt(HISTORY * 2));
    String prefix = random.nextBoolean() ? "/" : "/" + (char) ('a' + random.nextInt(3)) + "/";
    if (revision < store.compactedRevision()) {
      assertThatThrownBy(() -> store.list(prefix, null, 0, revision)).isInstanceOf(Compacted.class);
      return;
    }
    List<Entry> all = new ArrayList<>();
    String after = null;
    int limit = 1 + random.nextInt(10);
    Page page;
    do {
      page = store.list(prefix, after, limit, revision);
      assertThat(page.entries().size()).isLessThanOrEqualTo(limit);
      all.addAll(page.entries());
      after = page.entries().isEmpty() ? null : page.entries().getLast().key();
    } while (page.more());
    List<Entry> expected =
        states.get((int) revision).entrySet().stream()
            .filter(entry -> entry.getKey().startsWith(prefix))
            .map(Map.Entry::getValue)
            .toList();
    assertThat(all)
        .usingElementComparator(StoreModelTest::compare)
        .containsExactlyElementsOf(expected);
  }

  private static void compareWatch(
      Random random, Store store, List<NavigableMap<String, Entry>> states)
      throws InterruptedException {
    long newest = states.size() - 1L;
    long start = Math.max(store.compactedRevision(), newest - random.nextInt(HISTORY));
    Recorder recorder = new Recorder();
    try (Watch watch = store.watch("/", start, recorder)) {
      List<Event> events = recorder.awaitEvents((int) (newest - start));
      for (Event event : events) {
        String key = event.entry().key();
        Entry before = states.get((int) event.revision() - 1).get(key);
        Entry after = states.get((int) event.revision()).get(key);
        assertThat(compare(event.before(), before)).isZero();
        assertThat(event.type()).isEqualTo(after == null ? Event.Type.DELETE : Event.Type.PUT);
        if (after != null) {
          assertThat(compare(event.entry(), after)).isZero();
        }
      }
    }
  }

  /// Zero if both are the same state; records compare arrays by identity.
  private static int compare(@Nullable Entry a, @Nullable Entry b) {
    if (a == null || b == null) {
      return a == null && b == null ? 0 : 1;
    }
    boolean same =
        a.key().equals(b.key())
            && a.createRevision() == b.createRevision()
            && a.modRevision() == b.modRevision()
            && Arrays.equals(a.value(), b.value());
    return same ? 0 : 1;
  }
}
