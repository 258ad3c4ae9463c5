// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab.bench;

import dev.fairway.linux.NetworkNamespace;
import dev.fairway.net.IpAddress;
import dev.fairway.traffic.NodeServices;
import dev.fairway.traffic.rules.ServicesConfig;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSlice;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/// The Services of a node in a JVM that has just started, with the settings of a node's process. It
/// loads, says what that took, changes, says what that took, and stays until its input ends. The
/// rules stay longer.
public final class ServicesAgent {
  private static final int WARM_UP = 300;

  private ServicesAgent() {}

  static ServicesConfig config(String datapath, Path cgroup) {
    return ServicesConfig.of(
            "bench", List.of(IpAddress.parse("10.240.0.20")), List.of(ServicesSample.PODS))
        .withDatapath(ServicesConfig.Datapath.of(datapath))
        .withCgroup(cgroup);
  }

  /// Runs it.
  ///
  /// @param arguments the datapath, how many Services, the control group, how many changes
  public static void main(String[] arguments) throws IOException {
    int count = Integer.parseInt(arguments[1]);
    int changes = Integer.parseInt(arguments[3]);
    ServicesSample sample = ServicesSample.of(count);
    ServicesConfig config = config(arguments[0], Path.of(arguments[2]));
    try (NetworkNamespace node = NetworkNamespace.current()) {
      try (NodeServices services = NodeServices.open(config, node)) {
        // The objects are a reader's work, and so is its garbage.
        System.gc();
        long start = System.nanoTime();
        services.set(sample.services(), sample.slices());
        say("load", (System.nanoTime() - start) / 1e6);
        if (changes > 0) {
          change(services, sample, changes);
        }
        memory();
        System.out.println("ready");
        while (System.in.read() >= 0) {
          // Nothing is said to it but that it is over.
        }
      }
    }
  }

  private static void change(NodeServices services, ServicesSample sample, int changes) {
    int warmUp = Math.min(WARM_UP, changes);
    Samples times = new Samples();
    ThreadMXBean threads = ManagementFactory.getThreadMXBean();
    double kernel = 0;
    for (int i = 0; i < warmUp + changes; i++) {
      // Another Service each time; the last one is somebody else's.
      int number = (int) (i * 7919L % (sample.services().size() - 1));
      EndpointSlice before = sample.slices().get(number);
      EndpointSlice after =
          ServicesSample.slice(number, ServicesSample.endpoints(number, 1 + i % 2));
      sample.slices().set(number, after);
      if (i == warmUp) {
        kernel = kernelNanos(threads);
      }
      long start = System.nanoTime();
      services.change(sample.services().get(number), before, after);
      if (i >= warmUp) {
        times.add((System.nanoTime() - start) / 1e6);
      }
    }
    say("change-median", times.median());
    say("change-99", times.percentile(99));
    say("change-kernel", (kernelNanos(threads) - kernel) / changes / 1e6);
  }

  /// What the kernel has worked for this thread. It is told in steps of 10 ms, so this is for sums.
  private static double kernelNanos(ThreadMXBean threads) {
    return threads.getCurrentThreadCpuTime() - threads.getCurrentThreadUserTime();
  }

  private static void memory() throws IOException {
    System.gc();
    say("heap", ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed() / 1048576.0);
    for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
      if (line.startsWith("VmRSS:")) {
        say("resident", Long.parseLong(line.replaceAll("[^0-9]", "")) / 1024.0);
      }
    }
  }

  private static void say(String what, double value) {
    System.out.println(what + " " + String.format(Locale.ROOT, "%.4f", value));
  }
}
