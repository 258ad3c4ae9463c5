// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab.bench;

import dev.fairway.linux.RouteNetlink;
import dev.fairway.linux.RouteRequest.ChangeLink;
import dev.fairway.store.EmbeddedStore;
import dev.fairway.store.Store;
import dev.fairway.store.StoreConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;

/// The embedded store on the disk below /var/tmp, in turn with an etcd on the same disk. etcd's
/// figures hold a gRPC call each, as it is always a process of its own.
final class StoreBench implements Bench.Benchmark {
  private static final int VALUE_BYTES = 1024;
  private static final int WRITERS = 64;
  private static final int OBJECTS = 100_000;
  private static final double ONE_WRITER_MILLIS = 0.25;
  private static final double WRITES_PER_SECOND = 35_000;
  private static final double TIMES_ETCD = 2.5;
  private static final double REOPEN_SECONDS = 0.5;
  private static final String ETCD = "etcd 3.4, its RPC included";

  /// Writes a new key; returns when it is durable.
  private interface Writer {
    void write(String key, byte[] value);
  }

  private final AtomicInteger names = new AtomicInteger();
  private final byte[] value = new byte[VALUE_BYTES];

  @Override
  public List<Row> run(boolean quick) throws Exception {
    Bench.refuseHostNamespace();
    try (RouteNetlink links = RouteNetlink.open()) {
      links.apply(ChangeLink.of("lo").setUp());
    }
    new Random(1).nextBytes(value);
    Path directory = Files.createTempDirectory(Path.of("/var/tmp"), "fairway-store-bench");
    try {
      List<Row> rows = new ArrayList<>();
      writes(rows, directory, quick);
      reopen(rows, directory, quick);
      return rows;
    } finally {
      remove(directory);
    }
  }

  private void writes(List<Row> rows, Path directory, boolean quick) throws Exception {
    double seconds = quick ? 1 : 3;
    Samples one = new Samples();
    Samples many = new Samples();
    Samples etcdOne = new Samples();
    Samples etcdMany = new Samples();
    EtcdPeer etcd = EtcdPeer.start(directory);
    try (Store store = EmbeddedStore.open(StoreConfig.of(directory.resolve("writes.db")))) {
      Writer ours = store::create;
      together(ours, seconds);
      if (etcd != null) {
        together(etcd::put, seconds);
      }
      for (int round = 0; round < 3; round++) {
        one.add(alone(ours, seconds));
        many.add(together(ours, seconds));
        if (etcd != null) {
          etcdOne.add(alone(etcd::put, seconds));
          etcdMany.add(together(etcd::put, seconds));
        }
      }
    } finally {
      if (etcd != null) {
        etcd.close();
      }
    }
    rows.add(
        Row.within("1 writer: a durable write of 1 KB", one.median(), "ms", ONE_WRITER_MILLIS));
    rows.add(
        Row.atLeast(
            "64 writers: durable writes", many.median(), "1/s", "limit", WRITES_PER_SECOND, 1));
    if (etcd == null) {
      System.err.println("fairway: /usr/bin/etcd (Debian: etcd-server) is missing: no comparison");
      return;
    }
    rows.add(
        Row.fasterBy(
            "1 writer: a durable write of 1 KB",
            one.median(),
            "ms",
            ETCD,
            etcdOne.median(),
            TIMES_ETCD));
    rows.add(
        Row.atLeast(
            "64 writers: durable writes",
            many.median(),
            "1/s",
            ETCD,
            etcdMany.median(),
            TIMES_ETCD));
  }

  /// The median of one writer's times, in milliseconds.
  private double alone(Writer writer, double seconds) {
    Samples times = new Samples();
    long end = System.nanoTime() + (long) (seconds * 1e9);
    for (long start = System.nanoTime(); start < end; ) {
      writer.write(name(), value);
      long now = System.nanoTime();
      times.add((now - start) / 1e6);
      start = now;
    }
    return times.median();
  }

  /// Writes a second of many writers.
  private double together(Writer writer, double seconds) throws InterruptedException {
    AtomicBoolean stop = new AtomicBoolean();
    AtomicLong done = new AtomicLong();
    List<Thread> writers = new ArrayList<>();
    long start = System.nanoTime();
    for (int i = 0; i < WRITERS; i++) {
      writers.add(
          Thread.ofVirtual()
              .start(() -> {
                while (!stop.get()) {
                  writer.write(name(), value);
                  done.incrementAndGet();
                }
              }));
    }
    Thread.sleep((long) (seconds * 1000));
    stop.set(true);
    for (Thread each : writers) {
      each.join();
    }
    return done.get() / ((System.nanoTime() - start) / 1e9);
  }

  private String name() {
    // As the API server's keys look; a few kinds of prefixes, so that the tree is not filled in
    // order.
    int number = names.incrementAndGet();
    return "/registry/configmaps/bench-" + number % 100 + "/name-" + number;
  }

  private void reopen(List<Row> rows, Path directory, boolean quick) throws Exception {
    StoreConfig config = StoreConfig.of(directory.resolve("reopen.db"));
    try (Store store = EmbeddedStore.open(config)) {
      int each = OBJECTS / WRITERS + 1;
      List<Thread> writers = new ArrayList<>();
      for (int i = 0; i < WRITERS; i++) {
        writers.add(
            Thread.ofVirtual()
                .start(() -> {
                  for (int n = 0; n < each; n++) {
                    store.create(name(), value.clone());
                  }
                }));
      }
      for (Thread writer : writers) {
        writer.join();
      }
    }
    Samples times = new Samples();
    for (int i = 0; i < (quick ? 3 : 7); i++) {
      long start = System.nanoTime();
      try (Store store = EmbeddedStore.open(config)) {
        times.add((System.nanoTime() - start) / 1e9);
        if (store.revision() < OBJECTS) {
          throw new IOException("objects are missing after the store was opened again");
        }
      }
    }
    rows.add(
        Row.within("100,000 objects of 1 KB opened again", times.median(), "s", REOPEN_SECONDS));
  }

  static void remove(Path directory) throws IOException {
    try (Stream<Path> all = Files.walk(directory)) {
      for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(path);
      }
    }
  }
}
