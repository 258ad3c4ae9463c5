// SPDX-License-Identifier: Apache-2.0
package dev.fairway.fairway;

import dev.fairway.provision.ClusterSpec;
import dev.fairway.provision.ClusterSpecFile;
import dev.fairway.provision.LocalCluster;
import dev.fairway.provision.Machine;
import dev.fairway.provision.MachineProcess;
import dev.fairway.provision.ProvisionException;
import dev.fairway.traffic.rules.ServicesConfig.Datapath;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.BooleanSupplier;

/// Brings up whatever of a cluster does not run, and waits until it serves.
final class ClusterStart {
  private static final Duration DEADLINE = Duration.ofMinutes(2);
  private static final Duration POLL = Duration.ofMillis(50);

  /// A process that was started has a moment until it is known by its file.
  private static final Duration MAY_BE_UNSEEN = Duration.ofSeconds(3);

  private final LocalCluster local;
  private final ClusterSpec spec;
  private final Datapath services;
  private final Steps steps;

  ClusterStart(LocalCluster local, Datapath services, Steps steps) {
    this.local = local;
    this.services = services;
    this.spec = local.spec();
    this.steps = steps;
  }

  void run() throws InterruptedException {
    ClusterSpecFile.write(spec);
    steps.step("machines and the network between them", local::ensureNetwork);
    steps.step(
        "certificate authority, certificates, kubeconfigs",
        () -> local.ensureIdentities(Instant.now()));
    long from = System.nanoTime();
    local.ensureStorage();
    // The API server is what all others wait for, so it begins first.
    local.fairway(spec.controller()).start(JavaCommand.server(spec, spec.controller()));
    try (ExecutorService each = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Path> images = local.prepareImages();
      List<Future<?>> runtimes = new ArrayList<>();
      for (Machine worker : spec.workerMachines()) {
        runtimes.add(
            each.submit(() -> {
              local.ensureContainerRuntime(worker, images);
              local.fairway(worker).start(JavaCommand.node(spec, worker));
              return null;
            }));
      }
      ApiProbe api = new ApiProbe(spec, local.paths());
      await("the API server answers", local.fairway(spec.controller()), api::isReady);
      // First of all, so that no agent begins with settings of its own.
      api.create(
          PodNetworkObject.COLLECTION, PodNetworkObject.NAME, PodNetworkObject.of(spec, services));
      api.create(ClusterDns.COLLECTION, ClusterDns.NAME, ClusterDns.service(spec));
      done("API server, controllers, scheduler", from);
      for (Future<?> runtime : runtimes) {
        finish(runtime);
      }
      done("container runtimes with their images", from);
      for (Machine worker : spec.workerMachines()) {
        await(
            "Node " + worker.name() + " is Ready",
            local.fairway(worker),
            () -> api.isNodeReady(worker.name()));
      }
      done("every node Ready", from);
      for (Machine worker : spec.workerMachines()) {
        await(
            "names resolve on " + worker.name(),
            local.fairway(worker),
            () -> NameProbe.resolves(spec, local.paths(), worker));
      }
      done("cluster DNS answers on every node", from);
    }
  }

  private void done(String text, long from) {
    steps.done(text, Duration.ofNanos(System.nanoTime() - from));
  }

  private static void finish(Future<?> future) throws InterruptedException {
    try {
      future.get();
    } catch (ExecutionException e) {
      if (e.getCause() instanceof ProvisionException provision) {
        throw provision;
      }
      throw new IllegalStateException(e.getCause());
    }
  }

  private void await(String what, MachineProcess process, BooleanSupplier condition)
      throws InterruptedException {
    long deadline = System.nanoTime() + DEADLINE.toNanos();
    long lastSeen = System.nanoTime();
    while (!condition.getAsBoolean()) {
      if (process.pid().isPresent()) {
        lastSeen = System.nanoTime();
      } else if (System.nanoTime() - lastSeen > MAY_BE_UNSEEN.toNanos()) {
        throw gaveUp(what, process, "has ended");
      }
      if (System.nanoTime() > deadline) {
        throw gaveUp(what, process, "did not get there in " + DEADLINE.toSeconds() + " s");
      }
      Thread.sleep(POLL);
    }
  }

  private static ProvisionException gaveUp(String what, MachineProcess process, String how) {
    return new ProvisionException(
        "waiting until "
            + what
            + ": process "
            + process.name()
            + " of "
            + process.machine().name()
            + " "
            + how
            + process.lastWords());
  }
}
