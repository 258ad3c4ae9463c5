// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.loop;

import dev.fairway.reconcile.ClusterImage;
import dev.fairway.reconcile.Delta;
import dev.fairway.reconcile.ObjectKey;
import io.fabric8.kubernetes.api.model.DeletionPropagation;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import java.net.HttpURLConnection;
import java.time.Clock;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;

/// The cluster as a controller sees it: what the watch has shown, with this process's own newer
/// writes laid over it.
///
/// Objects are shared: a controller that changes one builds a copy first.
public final class Cluster {
  private static final PatchContext MERGE = PatchContext.of(PatchType.JSON_MERGE);

  private final KubernetesClient client;
  private final Supplier<ClusterImage> image;
  private final Events events;
  private final Clock clock;
  private final OwnWrites writes;

  /// @param image gives the latest followed state
  public Cluster(
      KubernetesClient client, Supplier<ClusterImage> image, Events events, Clock clock) {
    this.client = client;
    this.image = image;
    this.events = events;
    this.clock = clock;
    this.writes = new OwnWrites();
  }

  /// To be called with each delta before controllers are.
  public void seen(Delta delta) {
    writes.seen(delta);
  }

  public KubernetesClient client() {
    return client;
  }

  public Events events() {
    return events;
  }

  public Instant now() {
    return clock.instant();
  }

  /// The present time as Kubernetes writes it.
  public String timestamp() {
    return timestamp(clock.instant());
  }

  public static String timestamp(Instant instant) {
    return instant.truncatedTo(ChronoUnit.SECONDS).toString();
  }

  public <T extends HasMetadata> Optional<T> get(Class<T> kind, ObjectKey key) {
    return Optional.ofNullable(writes.newest(kind, key, image.get().get(kind, key).orElse(null)));
  }

  /// All objects of a kind in one namespace.
  public <T extends HasMetadata> List<T> list(Class<T> kind, String namespace) {
    List<T> found = new ArrayList<>();
    ClusterImage now = image.get();
    boolean plain = writes.isEmpty(kind);
    for (T object : now.all(kind)) {
      if (namespace.isEmpty() || namespace.equals(object.getMetadata().getNamespace())) {
        T newest = plain ? object : writes.newest(kind, ObjectKey.of(object), object);
        if (newest != null) {
          found.add(newest);
        }
      }
    }
    if (!plain) {
      addUnseen(kind, namespace, now, found);
    }
    return found;
  }

  /// All objects of a kind.
  public <T extends HasMetadata> List<T> list(Class<T> kind) {
    return list(kind, "");
  }

  private <T extends HasMetadata> void addUnseen(
      Class<T> kind, String namespace, ClusterImage now, List<T> found) {
    for (ObjectKey key : writes.keys(kind)) {
      if ((namespace.isEmpty() || namespace.equals(key.namespace()))
          && now.get(kind, key).isEmpty()) {
        T unseen = writes.newest(kind, key, null);
        if (unseen != null) {
          found.add(unseen);
        }
      }
    }
  }

  /// Creates an object and answers with it as the server stored it.
  public <T extends HasMetadata> T create(T object) {
    T created = client.resource(object).create();
    writes.wrote(created, true);
    return created;
  }

  /// Creates an object unless its namespace is going away, which makes the object pointless.
  public <T extends HasMetadata> void createUnlessEnding(T object) {
    try {
      create(object);
    } catch (KubernetesClientException e) {
      if (!isNamespaceTerminating(e)) {
        throw e;
      }
    }
  }

  /// Replaces an object; fails with a conflict if it is no longer the version that was read.
  public <T extends HasMetadata> T update(T object) {
    T updated = client.resource(object).update();
    writes.wrote(updated, false);
    return updated;
  }

  /// Replaces an object's status; fails with a conflict as [#update] does.
  public <T extends HasMetadata> T updateStatus(T object) {
    T updated = client.resource(object).updateStatus();
    writes.wrote(updated, false);
    return updated;
  }

  /// Applies a JSON merge patch (RFC 7386) to an object.
  public <T extends HasMetadata> T patch(T object, String mergePatch) {
    T patched = client.resource(object).patch(MERGE, mergePatch);
    writes.wrote(patched, false);
    return patched;
  }

  /// Applies a JSON merge patch to an object's status.
  public <T extends HasMetadata> T patchStatus(T object, String mergePatch) {
    T patched = client.resource(object).subresource("status").patch(MERGE, mergePatch);
    writes.wrote(patched, false);
    return patched;
  }

  /// Deletes an object, leaving its dependents to the garbage collector; its absence is success.
  public <T extends HasMetadata> void delete(T object) {
    client
        .resource(object)
        .withPropagationPolicy(DeletionPropagation.BACKGROUND)
        .withTimeoutInMillis(0)
        .delete();
    T marked = client.getKubernetesSerialization().clone(object);
    marked.getMetadata().setDeletionTimestamp(timestamp());
    writes.deleting(marked);
  }

  /// Whether the server refused because somebody else was faster; trying again will help.
  public static boolean isConflict(KubernetesClientException e) {
    return e.getCode() == HttpURLConnection.HTTP_CONFLICT;
  }

  public static boolean isNotFound(KubernetesClientException e) {
    return e.getCode() == HttpURLConnection.HTTP_NOT_FOUND;
  }

  /// Whether an object cannot be created because its namespace is going away.
  public static boolean isNamespaceTerminating(KubernetesClientException e) {
    return e.getCode() == HttpURLConnection.HTTP_FORBIDDEN
        && e.getMessage() != null
        && e.getMessage().contains("being terminated");
  }
}
