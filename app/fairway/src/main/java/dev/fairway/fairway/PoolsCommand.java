// SPDX-License-Identifier: Apache-2.0
package dev.fairway.fairway;

import dev.fairway.podnet.pools.AddressObjects;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

@Command(
    name = "pools",
    description = {
      "Prints what a cluster needs before it can have address pools: the kinds AddressPool and",
      "AddressBlock, and the rights of nodes. For any cluster: fairway pools | kubectl apply -f -"
    })
final class PoolsCommand implements Callable<Integer> {
  @Spec private CommandSpec spec = CommandSpec.create();

  @Override
  public Integer call() {
    PrintWriter out = spec.commandLine().getOut();
    out.print(AddressObjects.yaml());
    out.flush();
    return 0;
  }
}
