// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab.bench;

import dev.fairway.linux.RouteNetlink;
import dev.fairway.linux.RouteRequest.ChangeLink;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/// What a name costs: CPU a query beside a program that answers without looking and beside NSD, how
/// many a second and how fast, and how soon and with how few packets a name is there.
final class DnsBench implements Bench.Benchmark {
  static final int SERVICES = 10_000;
  private static final int MANY = 100_000;
  private static final int AT_ONCE = 256;
  private static final int PACE = 50_000;
  private static final int PACED_AT_ONCE = 4096;
  private static final double ECHO_RATIO = 1.15;
  private static final double NSD_RATIO = 1.0;
  private static final double QUERIES_A_CORE = 100_000;
  private static final double P99_MILLIS = 1;
  private static final Duration REAL_TIME_PERIOD = Duration.ofMillis(1100);
  private static final double MIB = 1 << 20;
  private static final double SERVICES_MIB = 32;
  private static final double MANY_MIB = 256;

  @Override
  public List<Row> run(boolean quick) throws Exception {
    Bench.refuseHostNamespace();
    try (RouteNetlink links = RouteNetlink.open()) {
      links.apply(ChangeLink.of("lo").setUp());
    }
    List<Row> rows = new ArrayList<>();
    Path directory = Files.createTempDirectory("fairway-dns-bench");
    try {
      speed(rows, directory, quick);
      rows.addAll(new ExternalName(directory).run());
      rows.addAll(new NameNews(directory.resolve("api"), quick ? 50 : 200).run());
    } finally {
      try (Stream<Path> all = Files.walk(directory)) {
        for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
          Files.deleteIfExists(path);
        }
      }
    }
    return rows;
  }

  private static void speed(List<Row> rows, Path directory, boolean quick)
      throws IOException, InterruptedException {
    try (NativeProgram echoProgram = NativeProgram.extract("dns-echo");
        NativeProgram load = NativeProgram.extract("dns-load");
        MeasuredServer ours = MeasuredServer.fairway("127.0.0.10", SERVICES);
        MeasuredServer echo = MeasuredServer.echo("127.0.0.11", echoProgram)) {
      MeasuredServer nsd = MeasuredServer.nsd("127.0.0.12", directory, SERVICES);
      try {
        double seconds = quick ? 0.7 : 1;
        int rounds = quick ? 9 : 21;
        ours.load(load, SERVICES, AT_ONCE, quick ? 5 : 8, 0);
        for (MeasuredServer server : nsd == null ? List.of(ours, echo) : List.of(ours, echo, nsd)) {
          server.undisturbed();
        }
        Samples rate = new Samples();
        Samples own = new Samples();
        Samples[] peer = {new Samples(), new Samples()};
        Samples[] ratio = {new Samples(), new Samples()};
        Samples p99 = new Samples();
        for (int round = 0; round < rounds; round++) {
          MeasuredServer.Loaded mine = ours.load(load, SERVICES, AT_ONCE, seconds, 0);
          rate.add(mine.perCpuSecond());
          own.add(mine.cpuMicros());
          MeasuredServer[] others = nsd == null ? new MeasuredServer[] {echo} : both(echo, nsd);
          for (int i = 0; i < others.length; i++) {
            double theirs = others[i].load(load, SERVICES, AT_ONCE, seconds, 0).cpuMicros();
            peer[i].add(theirs);
            // Pair by pair, so that a machine that gets slower meanwhile does not count.
            ratio[i].add(mine.cpuMicros() / theirs);
          }
        }
        // Who used a core up at real-time priority is held back for the rest of that second.
        Thread.sleep(REAL_TIME_PERIOD);
        for (int round = 0; round < rounds; round++) {
          p99.add(ours.load(load, SERVICES, PACED_AT_ONCE, seconds, PACE).p99Micros() / 1000);
        }
        rows.add(
            cpu(own, "a C program that answers without looking", peer[0], ratio[0], ECHO_RATIO));
        if (nsd == null) {
          System.err.println(
              "fairway: /usr/sbin/nsd is not here (apt package nsd); its row is left out");
        } else {
          rows.add(cpu(own, "NSD", peer[1], ratio[1], NSD_RATIO));
        }
        rows.add(
            Row.atLeast(
                "queries a second of CPU", rate.median(), "1/s", "limit", QUERIES_A_CORE, 1));
        rows.add(
            Row.within(
                "99 % of answers at 50,000 queries a second", p99.median(), "ms", P99_MILLIS));
      } finally {
        if (nsd != null) {
          nsd.close();
        }
      }
      rows.add(
          Row.within("memory of 10,000 Services' names", ours.bytes() / MIB, "MiB", SERVICES_MIB));
    }
    try (MeasuredServer many = MeasuredServer.fairway("127.0.0.10", MANY)) {
      rows.add(
          Row.within("memory of 100,000 Services' names", many.bytes() / MIB, "MiB", MANY_MIB));
    }
  }

  private static MeasuredServer[] both(MeasuredServer one, MeasuredServer other) {
    return new MeasuredServer[] {one, other};
  }

  private static Row cpu(Samples own, String peer, Samples theirs, Samples ratio, double goal) {
    return new Row(
        "CPU a query for a Service's name",
        own.median(),
        "us",
        peer,
        theirs.median(),
        ratio.median(),
        goal,
        Row.Better.SMALLER);
  }
}
