// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.gc;

import dev.fairway.controllers.loop.Cluster;
import dev.fairway.controllers.loop.Controller;
import dev.fairway.controllers.loop.ServedKinds;
import dev.fairway.controllers.objects.Owners;
import dev.fairway.reconcile.Change;
import dev.fairway.reconcile.ClusterFollower;
import dev.fairway.reconcile.ClusterImage;
import dev.fairway.reconcile.Delta;
import dev.fairway.reconcile.ObjectKey;
import dev.fairway.reconcile.WorkQueue;
import io.fabric8.kubernetes.api.model.DeletionPropagation;
import io.fabric8.kubernetes.api.model.Endpoints;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.Namespace;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.OwnerReference;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.ServiceAccount;
import io.fabric8.kubernetes.api.model.apps.ControllerRevision;
import io.fabric8.kubernetes.api.model.apps.DaemonSet;
import io.fabric8.kubernetes.api.model.apps.Deployment;
import io.fabric8.kubernetes.api.model.apps.ReplicaSet;
import io.fabric8.kubernetes.api.model.apps.StatefulSet;
import io.fabric8.kubernetes.api.model.batch.v1.CronJob;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.api.model.coordination.v1.Lease;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSlice;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Applies [Verdict] to objects whose owners changed.
public final class GarbageCollector implements Controller {
  static final Duration SWEEP_EVERY = Duration.ofMinutes(10);
  private static final Logger LOG = LoggerFactory.getLogger(GarbageCollector.class);
  private static final Duration SWEEP_AFTER_DELETION = Duration.ofSeconds(3);

  /// The kinds of the graph. The first few often own objects of kinds that are not in it.
  private static final Set<Class<? extends HasMetadata>> OFTEN_OWNERS =
      Set.of(
          Deployment.class,
          StatefulSet.class,
          DaemonSet.class,
          Job.class,
          CronJob.class,
          Service.class,
          ServiceAccount.class,
          Node.class);

  private static final Set<Class<? extends HasMetadata>> OTHERS =
      Set.of(
          Pod.class,
          ReplicaSet.class,
          ControllerRevision.class,
          EndpointSlice.class,
          Endpoints.class,
          Lease.class,
          Namespace.class);

  private final Cluster cluster;
  private final LiveObjects live;
  private final OwnerGraph graph = new OwnerGraph();
  private final WorkQueue<OwnerGraph.Item> queue;
  private final WorkQueue<Boolean> sweeps;
  private final AtomicBoolean sweepPlanned = new AtomicBoolean();

  public GarbageCollector(Cluster cluster) {
    this.cluster = cluster;
    this.live = new LiveObjects(cluster.client());
    this.queue = new WorkQueue<>(name(), 4, this::reconcile);
    this.sweeps = new WorkQueue<>(name() + "-sweep", 1, regular -> sweep(regular));
    sweeps.addAfter(true, SWEEP_EVERY);
  }

  @Override
  public String name() {
    return "gc";
  }

  @Override
  public void follow(ClusterFollower.Builder follower) {
    OFTEN_OWNERS.forEach(follower::follow);
    OTHERS.forEach(follower::follow);
  }

  @Override
  public void changed(Delta delta, ClusterImage image) {
    OFTEN_OWNERS.forEach(kind -> changed(delta, kind));
    OTHERS.forEach(kind -> changed(delta, kind));
  }

  private <T extends HasMetadata> void changed(Delta delta, Class<T> kind) {
    delta.of(kind).forEach((key, change) -> changed(new OwnerGraph.Item(kind, key), change));
  }

  private void changed(OwnerGraph.Item item, Change<? extends HasMetadata> change) {
    Optional<String> nowUid = change.after().map(object -> object.getMetadata().getUid());
    if (change.before().isPresent()) {
      HasMetadata before = change.before().get();
      String uid = before.getMetadata().getUid();
      boolean gone = !nowUid.equals(Optional.of(uid));
      graph.removed(item, before, gone);
      if (gone) {
        graph.dependentsOf(uid).forEach(queue::add);
        if (OFTEN_OWNERS.contains(item.kind()) && sweepPlanned.compareAndSet(false, true)) {
          sweeps.addAfter(false, SWEEP_AFTER_DELETION);
        }
        // A foreground deletion of its owner may have waited for this one.
        OwnerGraph.owners(before).forEach(owner -> wakeOwner(item, owner));
      }
    }
    if (change.after().isPresent()) {
      HasMetadata after = change.after().get();
      graph.added(item, after);
      if (isFinalizing(after)
          || OwnerGraph.owners(after).stream().anyMatch(o -> !graph.isAlive(o.getUid()))) {
        queue.add(item);
      }
      if (isFinalizing(after)) {
        graph.dependentsOf(after.getMetadata().getUid()).forEach(queue::add);
      }
    }
  }

  private void wakeOwner(OwnerGraph.Item dependent, OwnerReference owner) {
    for (Class<? extends HasMetadata> kind : OFTEN_OWNERS) {
      wakeOwner(kind, dependent, owner);
    }
    for (Class<? extends HasMetadata> kind : OTHERS) {
      wakeOwner(kind, dependent, owner);
    }
  }

  private void wakeOwner(
      Class<? extends HasMetadata> kind, OwnerGraph.Item dependent, OwnerReference owner) {
    if (kind.getSimpleName().equals(owner.getKind()) && graph.isAlive(owner.getUid())) {
      boolean clusterScoped = kind == Node.class || kind == Namespace.class;
      String namespace = clusterScoped ? "" : dependent.key().namespace();
      queue.add(new OwnerGraph.Item(kind, new ObjectKey(namespace, owner.getName())));
    }
  }

  private static boolean isFinalizing(HasMetadata object) {
    List<String> finalizers = object.getMetadata().getFinalizers();
    return Owners.isBeingDeleted(object)
        && finalizers != null
        && (finalizers.contains(Verdict.FOREGROUND) || finalizers.contains(Verdict.ORPHAN));
  }

  private void reconcile(OwnerGraph.Item item) {
    HasMetadata object = cluster.get(item.kind(), item.key()).orElse(null);
    if (object == null) {
      return;
    }
    if (isFinalizing(object)) {
      finish(object);
    } else if (!Owners.isBeingDeleted(object)) {
      judge(object);
    }
  }

  /// Judges by what was seen, but acts only on what the server says now: an owner's end may be seen
  /// before the dependent's release from it.
  private void judge(HasMetadata seen) {
    if (verdict(seen) instanceof Verdict.Keep) {
      return;
    }
    HasMetadata object = live.current(seen);
    if (object == null || Owners.isBeingDeleted(object)) {
      return;
    }
    switch (verdict(object)) {
      case Verdict.Keep() -> {}
      case Verdict.KeepFor(List<OwnerReference> owners) -> live.setOwners(object, owners);
      case Verdict.Delete(DeletionPropagation propagation) -> live.delete(object, propagation);
    }
  }

  private Verdict verdict(HasMetadata object) {
    boolean hasDependents = !graph.dependentsOf(object.getMetadata().getUid()).isEmpty();
    return Verdict.of(object, hasDependents, owner -> standing(object, owner));
  }

  /// Trusts the graph that an owner is there, but never that it is not.
  private Verdict.Standing standing(HasMetadata object, OwnerReference owner) {
    if (graph.isAlive(owner.getUid())) {
      Optional<HasMetadata> known = known(object, owner);
      if (known.isPresent()) {
        return LiveObjects.standing(known.get());
      }
    }
    return live.standing(owner, object.getMetadata().getNamespace());
  }

  private Optional<HasMetadata> known(HasMetadata object, OwnerReference owner) {
    for (Set<Class<? extends HasMetadata>> kinds : List.of(OFTEN_OWNERS, OTHERS)) {
      for (Class<? extends HasMetadata> kind : kinds) {
        if (kind.getSimpleName().equals(owner.getKind())) {
          boolean clusterScoped = kind == Node.class || kind == Namespace.class;
          String namespace = clusterScoped ? "" : object.getMetadata().getNamespace();
          Optional<? extends HasMetadata> found =
              cluster.get(kind, new ObjectKey(namespace, owner.getName()));
          return found
              .filter(each -> owner.getUid().equals(each.getMetadata().getUid()))
              .map(each -> each);
        }
      }
    }
    return Optional.empty();
  }

  /// Goes on with a deletion that waits for dependents.
  private void finish(HasMetadata owner) {
    String uid = owner.getMetadata().getUid();
    List<String> finalizers = new ArrayList<>(owner.getMetadata().getFinalizers());
    List<HasMetadata> dependents = new ArrayList<>();
    for (OwnerGraph.Item item : graph.dependentsOf(uid)) {
      cluster.get(item.kind(), item.key()).ifPresent(dependents::add);
    }
    if (finalizers.contains(Verdict.ORPHAN)) {
      for (HasMetadata each : dependents) {
        live.setOwners(
            each, OwnerGraph.owners(each).stream().filter(o -> !o.getUid().equals(uid)).toList());
      }
      finalizers.remove(Verdict.ORPHAN);
    } else {
      for (HasMetadata each : dependents) {
        if (!Owners.isBeingDeleted(each)) {
          judge(each);
        }
      }
      boolean blocked =
          dependents.stream()
              .flatMap(each -> OwnerGraph.owners(each).stream())
              .anyMatch(
                  o -> o.getUid().equals(uid) && Boolean.TRUE.equals(o.getBlockOwnerDeletion()));
      if (blocked) {
        return;
      }
      finalizers.remove(Verdict.FOREGROUND);
    }
    live.setFinalizers(owner, finalizers);
  }

  /// Looks through all kinds that are not in the graph.
  private void sweep(boolean regular) {
    sweepPlanned.set(false);
    Set<String> inGraph =
        Stream.concat(OFTEN_OWNERS.stream(), OTHERS.stream())
            .map(Class::getSimpleName)
            .collect(Collectors.toSet());
    try {
      for (ServedKinds.Served kind : ServedKinds.of(cluster.client())) {
        if (!inGraph.contains(kind.kind()) && !kind.kind().equals("Event")) {
          live.list(kind).forEach(this::sweep);
        }
      }
    } finally {
      if (regular) {
        sweeps.addAfter(true, SWEEP_EVERY);
      }
    }
  }

  private void sweep(HasMetadata object) {
    try {
      if (isFinalizing(object)) {
        finish(object);
      } else if (!Owners.isBeingDeleted(object) && !OwnerGraph.owners(object).isEmpty()) {
        judge(object);
      }
    } catch (RuntimeException e) {
      LOG.warn(
          "{} {} could not be judged by its owners: {}",
          object.getKind(),
          ObjectKey.of(object),
          e.getMessage());
    }
  }

  @Override
  public void close() {
    queue.close();
    sweeps.close();
  }
}
