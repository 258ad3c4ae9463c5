// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.gc;

import dev.fairway.controllers.loop.ServedKinds;
import dev.fairway.controllers.objects.Owners;
import io.fabric8.kubernetes.api.model.DeletionPropagation;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.OwnerReference;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.Resource;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import java.net.HttpURLConnection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Objects of any kind, asked for at the server itself: what a watch has shown may be too old to
/// delete by.
final class LiveObjects {
  private static final int REMEMBERED = 4096;

  private final KubernetesClient client;
  private final Map<String, ServedKinds.Served> kinds = new HashMap<>();

  /// Uids never come back, so absence may be remembered for ever.
  private final Map<String, Boolean> gone =
      new LinkedHashMap<>() {
        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Boolean> eldest) {
          return size() > REMEMBERED;
        }
      };

  LiveObjects(KubernetesClient client) {
    this.client = client;
  }

  /// How the owner stands that a dependent in `namespace` refers to.
  Verdict.Standing standing(OwnerReference owner, @Nullable String namespace) {
    synchronized (gone) {
      if (gone.containsKey(owner.getUid())) {
        return Verdict.Standing.GONE;
      }
    }
    HasMetadata found = find(owner, namespace);
    if (found == null || !owner.getUid().equals(found.getMetadata().getUid())) {
      synchronized (gone) {
        gone.put(owner.getUid(), true);
      }
      return Verdict.Standing.GONE;
    }
    return standing(found);
  }

  static Verdict.Standing standing(HasMetadata owner) {
    return (Owners.isBeingDeleted(owner)
            && owner.getMetadata().getFinalizers().contains(Verdict.FOREGROUND))
        ? Verdict.Standing.WAITING
        : Verdict.Standing.THERE;
  }

  private @Nullable HasMetadata find(OwnerReference owner, @Nullable String namespace) {
    ServedKinds.Served kind = kind(owner.getApiVersion(), owner.getKind());
    if (kind == null) {
      throw new IllegalStateException(
          "owner " + owner.getKind() + " " + owner.getName() + " is of a kind nobody serves");
    }
    return resource(kind, namespace, owner.getName()).get();
  }

  private synchronized ServedKinds.@Nullable Served kind(String groupVersion, String name) {
    // Any version of a kind names the same objects.
    int slash = groupVersion.indexOf('/');
    String key = (slash < 0 ? "" : groupVersion.substring(0, slash)) + "/" + name;
    if (!kinds.containsKey(key)) {
      for (ServedKinds.Served each : ServedKinds.of(client)) {
        kinds.put(each.group() + "/" + each.kind(), each);
      }
    }
    return kinds.get(key);
  }

  Resource<GenericKubernetesResource> resource(
      ServedKinds.Served kind, @Nullable String namespace, String name) {
    var objects = client.genericKubernetesResources(kind.context());
    return (kind.namespaced() && namespace != null)
        ? objects.inNamespace(namespace).withName(name)
        : objects.withName(name);
  }

  List<GenericKubernetesResource> list(ServedKinds.Served kind) {
    var objects = client.genericKubernetesResources(kind.context());
    try {
      return (kind.namespaced() ? objects.inAnyNamespace().list() : objects.list()).getItems();
    } catch (KubernetesClientException e) {
      if (e.getCode() == HttpURLConnection.HTTP_NOT_FOUND) {
        return List.of();
      }
      throw e;
    }
  }

  /// The object as it is now, if it is still the same one.
  @Nullable HasMetadata current(HasMetadata seen) {
    HasMetadata now = client.resource(seen).get();
    return now != null && seen.getMetadata().getUid().equals(now.getMetadata().getUid())
        ? now
        : null;
  }

  /// Deletes an object if it is still there.
  void delete(HasMetadata object, DeletionPropagation propagation) {
    ignoringAbsence(() ->
        client.resource(object).withPropagationPolicy(propagation).withTimeoutInMillis(0).delete());
  }

  void setOwners(HasMetadata object, List<OwnerReference> owners) {
    patch(object, "ownerReferences", owners);
  }

  void setFinalizers(HasMetadata object, List<String> finalizers) {
    patch(object, "finalizers", finalizers);
  }

  /// Carries the resource version, so it fails with a conflict if somebody changed the object.
  private void patch(HasMetadata object, String field, Object value) {
    Map<String, Object> metadata = new HashMap<>();
    metadata.put(field, value);
    metadata.put("resourceVersion", object.getMetadata().getResourceVersion());
    String patch = client.getKubernetesSerialization().asJson(Map.of("metadata", metadata));
    ignoringAbsence(
        () -> client.resource(object).patch(PatchContext.of(PatchType.JSON_MERGE), patch));
  }

  private static void ignoringAbsence(Runnable write) {
    try {
      write.run();
    } catch (KubernetesClientException e) {
      if (e.getCode() != HttpURLConnection.HTTP_NOT_FOUND) {
        throw e;
      }
    }
  }
}
