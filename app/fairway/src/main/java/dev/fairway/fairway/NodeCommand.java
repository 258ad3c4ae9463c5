// SPDX-License-Identifier: Apache-2.0
package dev.fairway.fairway;

import dev.fairway.provision.Machine;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

@Command(
    name = "node",
    hidden = true,
    description = "Runs a worker: kubelet, pod network, Services and DNS. Used by up.")
final class NodeCommand implements Callable<Integer> {
  @Mixin private MachineOption machine = new MachineOption();

  @Override
  public Integer call() throws Exception {
    NodeProcess.run(machine.spec(), machine.machine(Machine.Role.WORKER));
    return 0;
  }
}
