// SPDX-License-Identifier: Apache-2.0
package dev.fairway.store;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Kills a writing process at random points: every acknowledged write must be there afterwards, and
/// what was not acknowledged must be there whole or not at all.
class CrashTest {
  @TempDir Path directory;

  @Test
  void survivesKills() throws Exception {
    killRepeatedly(5);
  }

  @Test
  @Tag("slow")
  void survivesManyKills() throws Exception {
    killRepeatedly(50);
  }

  private void killRepeatedly(int rounds) throws Exception {
    Path file = directory.resolve("crash.db");
    Random random = new Random(7);
    for (int round = 0; round < rounds; round++) {
      List<String> acknowledged = new ArrayList<>();
      writeAndKill(file, round, 50 + random.nextInt(3000), acknowledged);
      verify(file, acknowledged);
    }
  }

  private static void writeAndKill(
      Path file, int round, int linesUntilKill, List<String> acknowledged) throws Exception {
    Process writer = javaProcess("CrashWriter", file.toString(), Integer.toString(round)).start();
    try (BufferedReader lines = writer.inputReader(StandardCharsets.US_ASCII)) {
      assertThat(lines.readLine()).isEqualTo("open");
      String line = lines.readLine();
      while (line != null) {
        acknowledged.add(line);
        if (acknowledged.size() == linesUntilKill) {
          writer.destroyForcibly(); // SIGKILL; what is still in the pipe was acknowledged too
        }
        line = lines.readLine();
      }
      // The very last line may be cut off in the middle.
      acknowledged.removeIf(text -> text.split(" ").length < (text.startsWith("put") ? 4 : 3));
      if (!acknowledged.isEmpty()) {
        acknowledged.removeLast();
      }
    } catch (IOException e) {
      assertThat(e).hasMessageContaining("closed"); // the kill closes the pipe under the reader
    } finally {
      writer.destroyForcibly();
      writer.waitFor();
    }
  }

  private static void verify(Path file, List<String> acknowledged) {
    Map<String, String[]> last = new HashMap<>();
    long newest = 0;
    for (String line : acknowledged) {
      String[] words = line.split(" ");
      long revision = Long.parseLong(words[2]);
      newest = Math.max(newest, revision);
      last.merge(words[1], words, (a, b) -> Long.parseLong(a[2]) > Long.parseLong(b[2]) ? a : b);
    }
    try (EmbeddedStore store = EmbeddedStore.open(StoreConfig.of(file))) {
      assertThat(store.revision()).isGreaterThanOrEqualTo(newest);
      for (Map.Entry<String, String[]> expected : last.entrySet()) {
        String[] words = expected.getValue();
        long revision = Long.parseLong(words[2]);
        Entry entry = store.get(expected.getKey());
        if (entry != null && entry.modRevision() > revision) {
          continue; // a later write reached the disk but not the pipe; its wholeness is seen below
        }
        if (words[0].equals("delete") || entry == null) {
          // Unless something unacknowledged came later, the key must be as acknowledged.
          assertThat(entry == null)
              .isEqualTo(words[0].equals("delete") || deletedLater(store, words));
        } else {
          assertThat(entry.modRevision()).isEqualTo(revision);
          assertThat(entry.value()).isEqualTo(CrashWriter.value(Integer.parseInt(words[3])));
        }
      }
      for (Entry entry : store.list("/", null, 0, 0).entries()) {
        assertThat(CrashWriter.isWhole(entry.value())).as(entry.key()).isTrue();
      }
    }
  }

  /// One write a thread can be unacknowledged: the newest few revisions, which history still holds.
  private static boolean deletedLater(EmbeddedStore store, String[] words) {
    long revision = Long.parseLong(words[2]);
    if (revision < store.compactedRevision()) {
      return false;
    }
    return store.list(words[1], null, 0, revision).entries().stream()
        .anyMatch(entry -> entry.key().equals(words[1]) && entry.modRevision() == revision);
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
