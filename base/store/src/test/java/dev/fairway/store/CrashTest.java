// SPDX-License-Identifier: Apache-2.0
package dev.fairway.store;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Kills a writing process at random points: every acknowledged write must be there afterwards, and
/// what was not acknowledged must be there whole or not at all.
class CrashTest {
  /// `-Dtest.jvm.extra=-Dkills=N` asks for more.
  private static final int MANY_KILLS = Integer.getInteger("kills", 20);

  @TempDir Path directory;

  @Test
  void survivesKills() throws Exception {
    killRepeatedly(3);
  }

  @Test
  @Tag("slow")
  void survivesManyKills() throws Exception {
    killRepeatedly(MANY_KILLS);
  }

  private void killRepeatedly(int rounds) throws Exception {
    Path file = directory.resolve("crash.db");
    Random random = new Random(7);
    for (int round = 0; round < rounds; round++) {
      Path printed = directory.resolve("round-" + round);
      verify(file, writeAndKill(file, printed, round, 50 + random.nextInt(3000)));
    }
  }

  /// The writer prints into a file, of which a kill loses nothing, unlike a pipe.
  private static List<String> writeAndKill(Path file, Path printed, int round, int linesUntilKill)
      throws Exception {
    Process writer =
        javaProcess("CrashWriter", file.toString(), Integer.toString(round))
            .redirectOutput(printed.toFile())
            .start();
    try {
      long bytesUntilKill = linesUntilKill * 25L;
      long deadline = System.nanoTime() + Duration.ofMinutes(2).toNanos();
      while (Files.size(printed) < bytesUntilKill && writer.isAlive()) {
        assertThat(System.nanoTime()).as("the writer is too slow").isLessThan(deadline);
        LockSupport.parkNanos(200_000);
      }
      assertThat(writer.isAlive()).as("the writer was killed, it did not end").isTrue();
    } finally {
      writer.destroyForcibly();
      writer.waitFor();
    }
    String text = Files.readString(printed, StandardCharsets.US_ASCII);
    // The last line may be cut off in the middle.
    List<String> lines = text.substring(0, text.lastIndexOf('\n')).lines().toList();
    assertThat(lines.getFirst()).isEqualTo("open");
    return lines.subList(1, lines.size());
  }

  private static void verify(Path file, List<String> acknowledged) throws InterruptedException {
    Map<String, String[]> last = new HashMap<>();
    Set<Long> told = new HashSet<>();
    for (String line : acknowledged) {
      String[] words = line.split(" ");
      told.add(Long.parseLong(words[2]));
      last.merge(words[1], words, (a, b) -> revision(a) > revision(b) ? a : b);
    }
    try (EmbeddedStore store = EmbeddedStore.open(StoreConfig.of(file))) {
      assertThat(store.revision()).isGreaterThanOrEqualTo(Collections.max(told));
      Map<String, Event> untold = untold(store, Collections.min(told), told);
      last.forEach((key, words) -> verify(store.get(key), words, untold.get(key)));
      for (Entry entry : store.list("/", null, 0, 0).entries()) {
        assertThat(CrashWriter.isWhole(entry.value())).as(entry.key()).isTrue();
      }
    }
  }

  private static long revision(String[] words) {
    return Long.parseLong(words[2]);
  }

  /// What reached the disk but was not told any more: one write a thread at most, and one whose
  /// line was cut off.
  private static Map<String, Event> untold(EmbeddedStore store, long first, Set<Long> told)
      throws InterruptedException {
    long from = Math.max(first - 1, store.compactedRevision());
    Recorder recorder = new Recorder();
    store.watch("/", from, recorder);
    Map<String, Event> untold = new HashMap<>();
    for (Event event : recorder.awaitEvents((int) (store.revision() - from))) {
      if (!told.contains(event.revision())) {
        untold.put(event.entry().key(), event);
      }
    }
    assertThat(untold.size()).isLessThanOrEqualTo(CrashWriter.THREADS + 1);
    return untold;
  }

  /// A key must be as its last acknowledged write left it, or as one later write did.
  private static void verify(@Nullable Entry entry, String[] words, @Nullable Event later) {
    String what = String.join(" ", words);
    boolean deleted = words[0].equals("delete");
    if (later != null && later.revision() > revision(words)) {
      Entry before = later.before();
      assertThat(before == null).as(what).isEqualTo(deleted);
      if (before != null) {
        assertThat(before.modRevision()).as(what).isEqualTo(revision(words));
      }
      assertThat(entry == null).as(what).isEqualTo(later.type() == Event.Type.DELETE);
    } else if (deleted) {
      assertThat(entry).as(what).isNull();
    } else {
      assertThat(entry).as(what).isNotNull();
      assertThat(entry.modRevision()).as(what).isEqualTo(revision(words));
      assertThat(entry.value()).isEqualTo(CrashWriter.value(Integer.parseInt(words[3])));
    }
  }

  static ProcessBuilder javaProcess(String mainClass, String... arguments) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(
        List.of(
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            "-Xmx256m",
            "--enable-native-access=ALL-UNNAMED",
            "-cp",
            System.getProperty("java.class.path"),
            "dev.fairway.store." + mainClass));
    command.addAll(List.of(arguments));
    return new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT);
  }
}
