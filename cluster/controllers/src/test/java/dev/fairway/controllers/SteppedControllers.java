// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers;

import dev.fairway.reconcile.ApiClients;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;

/// All controllers as a process of their own, which tells the time by its clock for each line that
/// it reads.
final class SteppedControllers {
  private SteppedControllers() {}

  /// Runs until its input ends.
  ///
  /// @param arguments two kubeconfigs, the authority's certificate, the nodes' grace in
  ///   milliseconds
  public static void main(String[] arguments) throws Exception {
    KubernetesClient client = ApiClients.connect(Path.of(arguments[0]), "stepped-controllers");
    KubernetesClient scheduler = ApiClients.connect(Path.of(arguments[1]), "stepped-scheduler");
    Duration grace = Duration.ofMillis(Long.parseLong(arguments[3]));
    Controllers running =
        Controllers.start(client, scheduler, TestCluster.config(Path.of(arguments[2]), grace));
    BufferedReader in =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    while (in.readLine() != null) {
      System.out.println(System.currentTimeMillis());
    }
    running.close();
    Runtime.getRuntime().halt(0);
  }
}
