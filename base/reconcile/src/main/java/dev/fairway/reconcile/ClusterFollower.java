// SPDX-License-Identifier: Apache-2.0
package dev.fairway.reconcile;

import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.KubernetesResourceList;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.FilterWatchListDeletable;
import io.fabric8.kubernetes.client.dsl.Informable;
import io.fabric8.kubernetes.client.informers.ResourceEventHandler;
import io.fabric8.kubernetes.client.informers.SharedIndexInformer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Follows chosen kinds of a cluster and tells subscribers what changed.
///
/// One list and one watch a kind serve all subscribers of a process. A lost connection is taken up
/// again without end; meanwhile the last image stands, so whoever programs the kernel leaves it as
/// it is.
public final class ClusterFollower implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(ClusterFollower.class);

  private final List<SharedIndexInformer<?>> informers = new ArrayList<>();
  private final List<Subscription> subscriptions;
  private final CountDownLatch listed = new CountDownLatch(1);
  private final Object lock = new Object();
  private int kindsToList;
  private ClusterImage image = ClusterImage.EMPTY;

  private ClusterFollower(Builder builder) {
    this.subscriptions = List.copyOf(builder.subscriptions);
    this.kindsToList = builder.kinds.size();
  }

  /// Starts a description of what to follow.
  public static Builder of(KubernetesClient client) {
    return new Builder(client);
  }

  /// The cluster as known now; empty until the first lists are in.
  public ClusterImage image() {
    synchronized (lock) {
      return image;
    }
  }

  /// Waits until every followed kind has been listed once.
  public void awaitListed() throws InterruptedException {
    listed.await();
  }

  @Override
  public void close() {
    informers.forEach(SharedIndexInformer::stop);
    subscriptions.forEach(Subscription::stop);
  }

  private <T extends HasMetadata> void follow(
      KubernetesClient client, Class<T> kind, Selection selection) {
    SharedIndexInformer<T> informer = informable(client, kind, selection).runnableInformer(0);
    Handler<T> handler = new Handler<>(kind);
    informer.exceptionHandler((started, problem) -> {
      if (handler.isNew(String.valueOf(problem))) {
        LOG.warn("cannot follow {}: {}", kind.getSimpleName(), String.valueOf(problem));
      }
      return true;
    });
    informer.addEventHandler(handler);
    informers.add(informer);
    informer.start();
  }

  private static <T extends HasMetadata> Informable<T> informable(
      KubernetesClient client, Class<T> kind, Selection selection) {
    FilterWatchListDeletable<
            T,
            ? extends KubernetesResourceList<T>,
            ? extends io.fabric8.kubernetes.client.dsl.Resource<T>>
        resources = client.resources(kind).inAnyNamespace();
    if (!selection.fields().isEmpty()) {
      resources = resources.withFields(selection.fields());
    }
    if (!selection.labels().isEmpty()) {
      resources = resources.withLabels(selection.labels());
    }
    return resources;
  }

  private <T extends HasMetadata> void changed(
      Class<T> kind, Optional<T> before, Optional<T> after) {
    ObjectKey key = ObjectKey.of(after.or(() -> before).orElseThrow());
    synchronized (lock) {
      image = after.isPresent() ? image.with(kind, after.get()) : image.without(kind, key);
      Change<T> change = new Change<>(before, after);
      subscriptions.forEach(subscription -> subscription.changed(image, kind, key, change));
    }
  }

  private void kindListed() {
    synchronized (lock) {
      kindsToList--;
      if (kindsToList == 0) {
        subscriptions.forEach(subscription -> subscription.listed(image));
        listed.countDown();
      }
    }
  }

  /// Brings one informer's events into the image.
  private final class Handler<T extends HasMetadata> implements ResourceEventHandler<T> {
    private final Class<T> kind;
    private boolean first = true;
    private String problem = "";

    Handler(Class<T> kind) {
      this.kind = kind;
    }

    /// A problem is told once, until it is over.
    synchronized boolean isNew(String what) {
      boolean same = problem.equals(what);
      problem = what;
      return !same;
    }

    @Override
    public void onAdd(T object) {
      forgetManagers(object);
      changed(kind, Optional.empty(), Optional.of(object));
    }

    @Override
    public void onUpdate(T before, T after) {
      forgetManagers(after);
      // A re-list repeats what is known; only a new revision is a change.
      String revision = before.getMetadata().getResourceVersion();
      if (!after.getMetadata().getResourceVersion().equals(revision)) {
        changed(kind, Optional.of(before), Optional.of(after));
      }
    }

    @Override
    public void onDelete(T object, boolean lastStateUnknown) {
      changed(kind, Optional.of(object), Optional.empty());
    }

    @Override
    public void onList(String revision, boolean remainedEmpty) {
      isNew("");
      if (first) {
        first = false;
        kindListed();
      }
    }
  }

  /// Nobody who follows asks who owns which field, and it can be half of an object.
  private static void forgetManagers(HasMetadata object) {
    object.getMetadata().setManagedFields(List.of());
  }

  /// What to follow and whom to tell.
  public static final class Builder {
    private final KubernetesClient client;
    private final Map<Class<? extends HasMetadata>, Selection> kinds = new LinkedHashMap<>();
    private final List<Subscription> subscriptions = new ArrayList<>();

    private Builder(KubernetesClient client) {
      this.client = client;
    }

    /// Follows every object of a kind.
    public Builder follow(Class<? extends HasMetadata> kind) {
      return follow(kind, Selection.ALL);
    }

    /// Follows some objects of a kind; asking again for all of them widens it.
    public Builder follow(Class<? extends HasMetadata> kind, Selection selection) {
      kinds.merge(kind, selection, (a, b) -> a.equals(b) ? a : Selection.ALL);
      return this;
    }

    /// Tells `subscriber` about every followed kind.
    public Builder subscribe(String name, Subscriber subscriber) {
      subscriptions.add(new Subscription(name, subscriber));
      return this;
    }

    /// Begins to list and watch; returns at once.
    public ClusterFollower start() {
      if (kinds.isEmpty()) {
        throw new IllegalStateException("a follower needs at least one kind to follow");
      }
      ClusterFollower follower = new ClusterFollower(this);
      follower.subscriptions.forEach(Subscription::start);
      kinds.forEach((kind, selection) -> follower.follow(client, kind, selection));
      return follower;
    }
  }
}
