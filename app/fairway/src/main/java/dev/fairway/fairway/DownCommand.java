// SPDX-License-Identifier: Apache-2.0
package dev.fairway.fairway;

import dev.fairway.provision.ClusterLock;
import dev.fairway.provision.ClusterPaths;
import dev.fairway.provision.ClusterRemoval;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

@Command(
    name = "down",
    description = "Takes a cluster away, whole or half-made, and leaves nothing of it.")
final class DownCommand implements Callable<Integer> {
  @Mixin private ClusterOption cluster = new ClusterOption();

  @Override
  public Integer call() throws InterruptedException {
    Requirements.root("down");
    ClusterPaths paths = ClusterPaths.of(cluster.name);
    ClusterRemoval removal = new ClusterRemoval(paths);
    if (!removal.isNeeded()) {
      System.out.println("there is no cluster " + cluster.name + " here");
      return 0;
    }
    Steps steps = new Steps(System.out);
    try (ClusterLock lock = ClusterLock.take(paths)) {
      steps.step("end the processes of cluster " + cluster.name, removal::endProcesses);
      steps.step("remove namespaces, links, rules, mounts and files", removal::removeTraces);
    }
    return 0;
  }
}
