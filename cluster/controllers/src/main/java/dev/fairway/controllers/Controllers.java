// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers;

import dev.fairway.controllers.daemonset.DaemonSetController;
import dev.fairway.controllers.deployment.DeploymentController;
import dev.fairway.controllers.endpoints.EndpointSliceController;
import dev.fairway.controllers.endpoints.EndpointSliceMirroringController;
import dev.fairway.controllers.endpoints.EndpointsController;
import dev.fairway.controllers.gc.GarbageCollector;
import dev.fairway.controllers.job.JobController;
import dev.fairway.controllers.loop.Cluster;
import dev.fairway.controllers.loop.Controller;
import dev.fairway.controllers.loop.Events;
import dev.fairway.controllers.namespace.NamespaceController;
import dev.fairway.controllers.node.NodeLifecycleController;
import dev.fairway.controllers.node.OrphanedPodController;
import dev.fairway.controllers.node.PodCidrController;
import dev.fairway.controllers.quota.ResourceQuotaController;
import dev.fairway.controllers.replicaset.ReplicaSetController;
import dev.fairway.controllers.scheduler.Scheduler;
import dev.fairway.controllers.serviceaccount.NamespaceFurnishingController;
import dev.fairway.reconcile.ClusterFollower;
import dev.fairway.reconcile.ClusterImage;
import dev.fairway.reconcile.Delta;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.time.Clock;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;

/// All controllers of a cluster and its scheduler, running. They share one follower and one thread
/// that hands out changes; each has a work queue of its own.
public final class Controllers implements AutoCloseable {
  private final AtomicReference<ClusterImage> image = new AtomicReference<>();
  private final Events events;
  private final Events schedulerEvents;
  private final Cluster cluster;
  private final Cluster schedulerCluster;
  private final List<Controller> controllers;
  private final ClusterFollower follower;

  private Controllers(
      KubernetesClient client, KubernetesClient schedulerClient, ControllersConfig config) {
    Clock clock = Clock.systemUTC();
    events = new Events(client, clock);
    schedulerEvents = new Events(schedulerClient, clock);
    cluster = new Cluster(client, image::get, events, clock);
    schedulerCluster = new Cluster(schedulerClient, image::get, schedulerEvents, clock);
    controllers = all(config);
    ClusterFollower.Builder follow = ClusterFollower.of(client);
    controllers.forEach(each -> each.follow(follow));
    follower = follow.subscribe("controllers", this::changed).start();
  }

  /// The list of everything that runs.
  private List<Controller> all(ControllersConfig config) {
    return List.of(
        new NamespaceFurnishingController(cluster, config.caCertificate()),
        new PodCidrController(cluster, config.podNetworks()),
        new NodeLifecycleController(cluster, config.nodeGrace()),
        new Scheduler(schedulerCluster),
        new DeploymentController(cluster),
        new ReplicaSetController(cluster),
        new DaemonSetController(cluster),
        new JobController(cluster),
        new EndpointSliceController(cluster),
        new EndpointSliceMirroringController(cluster),
        new EndpointsController(cluster),
        new ResourceQuotaController(cluster),
        new NamespaceController(cluster),
        new OrphanedPodController(cluster),
        new GarbageCollector(cluster));
  }

  /// Starts all controllers and the scheduler; returns at once.
  ///
  /// @param client as `system:kube-controller-manager`
  /// @param schedulerClient as `system:kube-scheduler`
  public static Controllers start(
      KubernetesClient client, KubernetesClient schedulerClient, ControllersConfig config) {
    return new Controllers(client, schedulerClient, config);
  }

  /// Starts all of them under one identity.
  public static Controllers start(KubernetesClient client, ControllersConfig config) {
    return start(client, client, config);
  }

  private void changed(Delta delta, ClusterImage latest) {
    image.set(latest);
    cluster.seen(delta);
    schedulerCluster.seen(delta);
    for (Controller each : controllers) {
      each.changed(delta, latest);
    }
  }

  /// Stops following and working; what is being worked on is finished. The clients stay open.
  @Override
  public void close() {
    follower.close();
    controllers.forEach(Controller::close);
    events.close();
    schedulerEvents.close();
  }
}
