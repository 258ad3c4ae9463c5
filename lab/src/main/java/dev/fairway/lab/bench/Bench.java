// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab.bench;

import dev.fairway.linux.NetworkNamespace;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// Runs one benchmark by name and prints its rows.
public final class Bench {
  private static final Map<String, Benchmark> BENCHMARKS =
      new TreeMap<>(
          Map.ofEntries(
              Map.entry("up", new UpBench()),
              Map.entry("cni", new CniBench()),
              Map.entry("services", new ServicesBench()),
              Map.entry("podnet", new PodnetBench()),
              Map.entry("churn", new ChurnBench()),
              Map.entry("bgp", new BgpBench()),
              Map.entry("policy", new PolicyBench()),
              Map.entry("dns", new DnsBench()),
              Map.entry("api", new ApiBench()),
              Map.entry("store", new StoreBench())));

  private Bench() {}

  /// Benchmarks that change links and rules run in a namespace that the launcher made for them.
  static void refuseHostNamespace() {
    long caller = ProcessHandle.current().parent().orElseThrow().pid();
    try (NetworkNamespace own = NetworkNamespace.current();
        NetworkNamespace callers = NetworkNamespace.ofPid(caller)) {
      if (own.equals(callers)) {
        throw new IllegalStateException("this benchmark wants a namespace: ./fairway bench");
      }
    }
  }

  /// One benchmark.
  interface Benchmark {
    /// Measures.
    ///
    /// @param quick whether to be done within a minute, at the price of wider errors
    List<Row> run(boolean quick) throws Exception;
  }

  public static void main(String[] arguments) throws Exception {
    List<String> words = List.of(arguments);
    boolean quick = words.contains("--quick");
    List<String> names = words.stream().filter(word -> !word.startsWith("--")).toList();
    boolean unknownOption =
        words.stream().anyMatch(w -> w.startsWith("--") && !w.equals("--quick"));
    if (names.size() != 1 || unknownOption || !BENCHMARKS.containsKey(names.getFirst())) {
      System.err.println(
          "fairway: usage: ./fairway bench "
              + String.join("|", BENCHMARKS.keySet())
              + " [--quick]");
      System.exit(2);
    }
    // A namespace without hardware is no reason for Netty to warn.
    System.setProperty("io.netty.machineId", "00:00:00:00:00:00:00:01");
    System.out.println("metric\tvalue\tunit\tcompared with\tits value\tratio\tgoal\tresult");
    boolean ok = true;
    for (Row row : BENCHMARKS.get(names.getFirst()).run(quick)) {
      System.out.println(row);
      ok &= row.ok();
    }
    System.exit(ok ? 0 : 1);
  }
}
