// SPDX-License-Identifier: Apache-2.0
package dev.fairway.store;

import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;

/// A program that writes until it is killed. After each write that returned it prints one line:
/// `put KEY REVISION SEED` or `delete KEY REVISION`. With `fill`, it writes until the disk is full
/// and prints what it was told.
final class CrashWriter {
  static final int THREADS = 8;

  private CrashWriter() {}

  public static void main(String[] arguments) throws Exception {
    Path file = Path.of(arguments[0]);
    if (arguments.length > 2 && arguments[2].equals("fill")) {
      fill(file);
      return;
    }
    int round = Integer.parseInt(arguments[1]);
    EmbeddedStore store = EmbeddedStore.open(new StoreConfig(file, 300, 1 << 20, Transformer.NONE));
    PrintStream out = new PrintStream(System.out, true, StandardCharsets.US_ASCII);
    out.println("open");
    for (int t = 0; t < THREADS; t++) {
      int thread = t;
      Thread.ofPlatform().start(() -> write(store, out, round, thread));
    }
  }

  private static void write(EmbeddedStore store, PrintStream out, int round, int thread) {
    Random random = new Random(round * 31L + thread);
    while (true) {
      String key = "/" + thread + "/" + random.nextInt(20);
      int seed = random.nextInt();
      Entry entry = store.get(key);
      if (entry == null) {
        out.println("put " + key + " " + store.create(key, value(seed)) + " " + seed);
      } else if (random.nextInt(4) == 0) {
        out.println("delete " + key + " " + store.delete(key, entry.modRevision()));
      } else {
        long revision = store.update(key, value(seed), entry.modRevision());
        out.println("put " + key + " " + revision + " " + seed);
      }
    }
  }

  /// A value that shows by itself whether it is whole.
  static byte[] value(int seed) {
    Random random = new Random(seed);
    byte[] value = new byte[16 + random.nextInt(6000)];
    random.nextBytes(value);
    for (int i = 0; i < 4; i++) {
      value[i] = (byte) (seed >>> (8 * i));
    }
    return value;
  }

  static boolean isWhole(byte[] value) {
    int seed = 0;
    for (int i = 0; i < 4; i++) {
      seed |= (value[i] & 255) << (8 * i);
    }
    return Arrays.equals(value, value(seed));
  }

  private static void fill(Path file) {
    EmbeddedStore store = EmbeddedStore.open(StoreConfig.of(file));
    int written = 0;
    try {
      while (true) {
        store.create("/fill/" + written, new byte[20_000]);
        written++;
      }
    } catch (StoreUnavailable e) {
      System.out.println(e.reason() + " " + e.getMessage());
    }
    System.out.println(
        "readable " + (store.list("/fill/", null, 0, 0).entries().size() == written));
    int freed = 0;
    while (true) {
      // A removal needs a little room too; the row's pages come back when history is compacted.
      try {
        store.create("/small/" + freed, new byte[10]);
        System.out.println("writable again");
        break;
      } catch (StoreUnavailable e) {
        freed++;
        if (!file.resolveSibling("ballast").toFile().delete() && freed > 3) {
          System.out.println("still " + e.getMessage());
          break;
        }
      }
    }
    store.close();
    try (EmbeddedStore again = EmbeddedStore.open(StoreConfig.of(file))) {
      int found = again.list("/fill/", null, 0, 0).entries().size();
      System.out.println("reopened " + (found == written));
    }
  }
}
