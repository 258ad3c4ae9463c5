// SPDX-License-Identifier: Apache-2.0
package dev.fairway.fairway;

import dev.fairway.provision.Machine;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

@Command(
    name = "server",
    hidden = true,
    description = "Runs a controller: API server, controllers and scheduler. Used by up.")
final class ServerCommand implements Callable<Integer> {
  @Mixin private MachineOption machine = new MachineOption();

  @Override
  public Integer call() throws Exception {
    ServerProcess.run(machine.spec(), machine.machine(Machine.Role.CONTROLLER));
    return 0;
  }
}
