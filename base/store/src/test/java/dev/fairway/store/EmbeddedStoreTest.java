// SPDX-License-Identifier: Apache-2.0
package dev.fairway.store;

import static dev.fairway.store.StoreContractTest.bytes;
import static dev.fairway.store.StoreContractTest.text;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.fairway.store.StoreUnavailable.Reason;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EmbeddedStoreTest {
  @TempDir Path directory;

  private Path file() {
    return directory.resolve("store.db");
  }

  @Test
  void reopensWithStateAndHistory() throws Exception {
    long created;
    long updated;
    try (EmbeddedStore store = EmbeddedStore.open(StoreConfig.of(file()))) {
      created = store.create("/a", bytes("1"));
      updated = store.update("/a", bytes("2"), created);
      store.create("/b", bytes("3"));
      store.delete("/b", store.revision());
    }
    try (EmbeddedStore store = EmbeddedStore.open(StoreConfig.of(file()))) {
      assertThat(store.revision()).isEqualTo(updated + 2);
      assertThat(text(store.get("/a"))).isEqualTo("2");
      assertThat(store.get("/b")).isNull();
      Recorder recorder = new Recorder();
      store.watch("/", created, recorder);
      assertThat(recorder.awaitEvents(3))
          .extracting(Event::revision)
          .containsExactly(updated, updated + 1, updated + 2);
    }
  }

  @Test
  void keepsABoundedHistoryByCountAndByBytes() {
    StoreConfig byCount = new StoreConfig(file(), 100, 1 << 30, Transformer.NONE);
    try (EmbeddedStore store = EmbeddedStore.open(byCount)) {
      long revision = store.create("/a", bytes("0"));
      for (int i = 0; i < 500; i++) {
        revision = store.update("/a", bytes("" + i), revision);
        assertThat(store.revision() - store.compactedRevision()).isLessThanOrEqualTo(102);
      }
      long compacted = store.compactedRevision();
      assertThat(compacted).isGreaterThan(390);
      store.close();
      try (EmbeddedStore again = EmbeddedStore.open(byCount)) {
        assertThat(again.compactedRevision()).isEqualTo(compacted);
        assertThatThrownBy(() -> again.watch("/", compacted - 1, new Recorder()))
            .isInstanceOf(Compacted.class);
      }
    }
    StoreConfig byBytes =
        new StoreConfig(directory.resolve("bytes.db"), 1000, 100_000, Transformer.NONE);
    try (EmbeddedStore store = EmbeddedStore.open(byBytes)) {
      for (int i = 0; i < 60; i++) {
        store.create("/" + i, new byte[10_000]);
      }
      assertThat(store.revision() - store.compactedRevision()).isBetween(7L, 12L);
      assertThat(store.list("/", null, 0, 0).entries()).hasSize(60);
    }
  }

  @Test
  void isOpenOnlyOnce() throws Exception {
    EmbeddedStore store = EmbeddedStore.open(StoreConfig.of(file()));
    StoreUnavailable inUse =
        catchThrowableOfType(
            StoreUnavailable.class, () -> EmbeddedStore.open(StoreConfig.of(file())));
    assertThat(inUse.reason()).isEqualTo(Reason.IN_USE);
    assertThat(inUse).hasMessageContaining(file() + " is in use by another process");

    Process other =
        CrashTest.javaProcess("CrashWriter", file().toString(), "0")
            .redirectErrorStream(true)
            .start();
    String said = new String(other.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(other.waitFor()).isNotZero();
    assertThat(said).contains("is in use by another process");
    store.create("/a", bytes("still mine"));
    store.close();
    EmbeddedStore.open(StoreConfig.of(file())).close();
  }

  @Test
  void namesTheFileThatCannotBeUsed() throws Exception {
    assertThatThrownBy(() -> EmbeddedStore.open(StoreConfig.of(Path.of("/none/such/store.db"))))
        .hasMessageContaining("/none/such/store.db: its directory does not exist");
    Path noFile = Files.createDirectory(directory.resolve("directory.db"));
    StoreUnavailable notAFile =
        catchThrowableOfType(
            StoreUnavailable.class, () -> EmbeddedStore.open(StoreConfig.of(noFile)));
    assertThat(notAFile.reason()).isEqualTo(Reason.NOT_WRITABLE);
    Path text = Files.writeString(directory.resolve("text.db"), "hello ".repeat(1000));
    StoreUnavailable notSqlite =
        catchThrowableOfType(
            StoreUnavailable.class, () -> EmbeddedStore.open(StoreConfig.of(text)));
    assertThat(notSqlite.reason()).isEqualTo(Reason.CORRUPT);
    assertThat(notSqlite).hasMessageContaining(text + " is damaged");
  }

  /// A damaged store must be refused, or else load exactly what was written.
  @Test
  void neverLoadsFlippedBits() throws Exception {
    List<String> written = new ArrayList<>();
    try (EmbeddedStore store = EmbeddedStore.open(StoreConfig.of(file()))) {
      for (int i = 0; i < 200; i++) {
        store.create("/flip/" + i, bytes("value ".repeat(20) + i));
        written.add("value ".repeat(20) + i);
      }
    }
    byte[] whole = Files.readAllBytes(file());
    java.util.Random random = new java.util.Random(3);
    int refused = 0;
    for (int i = 0; i < 60; i++) {
      Path copy = Files.write(directory.resolve("flip-" + i + ".db"), whole);
      try (RandomAccessFile access = new RandomAccessFile(copy.toFile(), "rw")) {
        long at = random.nextInt(whole.length);
        access.seek(at);
        int old = access.read();
        access.seek(at);
        access.write(old ^ (1 << random.nextInt(8)));
      }
      try (EmbeddedStore store = EmbeddedStore.open(StoreConfig.of(copy))) {
        assertThat(store.list("/", null, 0, 0).entries())
            .extracting(StoreContractTest::text)
            .containsExactlyInAnyOrderElementsOf(written);
      } catch (StoreUnavailable e) {
        assertThat(e.reason()).isIn(Reason.CORRUPT, Reason.NOT_WRITABLE, Reason.BROKEN_DISK);
        refused++;
      }
    }
    assertThat(refused).isGreaterThan(20);
  }

  /// On a real file system with no room left, in a mount namespace of its own.
  @Test
  void aFullDiskTakesNothingBackAndHealsWithRoom() throws Exception {
    Path small = Files.createDirectory(directory.resolve("small"));
    List<String> java =
        CrashTest.javaProcess("CrashWriter", small.resolve("full.db").toString(), "0", "fill")
            .command();
    String script =
        "mount -t tmpfs -o size=6m none \"$0\" && head -c 1000000 /dev/zero >\"$0\"/ballast"
            + " && exec \"$@\"";
    List<String> command = new ArrayList<>(List.of("unshare", "-m", "sh", "-c", script));
    command.add(small.toString());
    command.addAll(java);
    command.add(command.indexOf("-cp"), "-Dorg.sqlite.tmpdir=" + directory);
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(said).isZero();
    assertThat(said)
        .contains("DISK_FULL store file " + small.resolve("full.db") + ": the disk is full")
        .contains("readable true")
        .contains("writable again")
        .contains("reopened true");
  }
}
