// SPDX-License-Identifier: Apache-2.0
package dev.fairway.fairway;

import dev.fairway.net.Prefix;
import dev.fairway.provision.ClusterSpec;
import dev.fairway.provision.LocalCluster;
import dev.fairway.provision.Machine;
import dev.fairway.provision.MachineProcess;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

@Command(name = "status", description = "Shows a cluster's machines and their processes.")
final class StatusCommand implements Callable<Integer> {
  /// As `systemctl status`: 3 where something that should run does not.
  private static final int NOT_RUNNING = 3;

  @Mixin private ClusterOption cluster = new ClusterOption();

  @Override
  public Integer call() {
    LocalCluster local = new LocalCluster(cluster.spec());
    ClusterSpec spec = local.spec();
    System.out.println(
        "cluster "
            + spec.name()
            + ", pods "
            + spec.podNetworks().stream().map(Prefix::toString).collect(Collectors.joining(" and "))
            + " over "
            + spec.backend()
            + ", services "
            + spec.serviceNetwork()
            + ", API "
            + spec.apiUrl());
    String format = "%-14s %-12s %-36s %-11s %s%n";
    System.out.printf(format, "MACHINE", "ADDRESS", "NAMESPACE", "PROCESS", "PID");
    boolean allRun = true;
    for (MachineProcess process : local.processes()) {
      Machine machine = process.machine();
      Optional<Long> pid = process.pid();
      allRun &= pid.isPresent();
      System.out.printf(
          format,
          machine.name(),
          machine.address(),
          local.paths().networkNamespace(machine),
          process.name(),
          pid.map(String::valueOf).orElse("not running"));
    }
    if (!allRun) {
      System.out.println(
          "something does not run; ./fairway up --name " + spec.name() + " mends it");
    }
    return allRun ? 0 : NOT_RUNNING;
  }
}
