// SPDX-License-Identifier: Apache-2.0
package dev.fairway.fairway;

import dev.fairway.provision.ClusterSpec;
import dev.fairway.provision.Machine;
import dev.fairway.provision.ProvisionException;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// Which machine of which cluster a process is to be.
final class MachineOption {
  @Mixin private ClusterOption cluster = new ClusterOption();

  @Option(
      names = "--machine",
      paramLabel = "MACHINE",
      required = true,
      description = "the machine's name")
  private String machine = "";

  ClusterSpec spec() {
    return cluster.spec();
  }

  Machine machine(Machine.Role role) {
    for (Machine candidate : cluster.spec().machines()) {
      if (candidate.name().equals(machine) && candidate.role() == role) {
        return candidate;
      }
    }
    throw new ProvisionException(
        "--machine "
            + machine
            + ": cluster "
            + cluster.name
            + " has no such "
            + (role == Machine.Role.CONTROLLER ? "controller" : "worker"));
  }
}
