// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.quota;

import dev.fairway.apimachinery.Trees;
import dev.fairway.apimachinery.quota.QuotaCount;
import dev.fairway.apimachinery.quota.QuotaUsage;
import dev.fairway.controllers.loop.Cluster;
import dev.fairway.controllers.loop.Controller;
import dev.fairway.reconcile.ClusterFollower;
import dev.fairway.reconcile.ClusterImage;
import dev.fairway.reconcile.Delta;
import dev.fairway.reconcile.ObjectKey;
import dev.fairway.reconcile.WorkQueue;
import io.fabric8.kubernetes.api.model.APIResourceList;
import io.fabric8.kubernetes.api.model.ResourceQuota;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// Counts what each ResourceQuota is for.
///
/// A share that was just taken belongs to an object that is about to be stored. So a count that
/// comes out lower than what is noted is believed only if nobody has changed the note for a second.
public final class ResourceQuotaController implements Controller {
  private static final Duration RECOUNT_EVERY = Duration.ofMinutes(5);
  private static final Duration QUIET = Duration.ofSeconds(1);

  private final Cluster cluster;
  private final WorkQueue<ObjectKey> queue;

  /// When a quota was counted last, and the version that waits to be believed.
  private final Map<ObjectKey, Instant> counted = new ConcurrentHashMap<>();

  private final Map<ObjectKey, String> doubted = new ConcurrentHashMap<>();

  public ResourceQuotaController(Cluster cluster) {
    this.cluster = cluster;
    this.queue = new WorkQueue<>(name(), 2, this::reconcile);
  }

  @Override
  public String name() {
    return "resourcequota";
  }

  @Override
  public void follow(ClusterFollower.Builder follower) {
    follower.follow(ResourceQuota.class);
  }

  @Override
  public void changed(Delta delta, ClusterImage image) {
    delta.of(ResourceQuota.class).keySet().forEach(queue::add);
  }

  private void reconcile(ObjectKey key) {
    if (cluster.get(ResourceQuota.class, key).isEmpty()) {
      counted.remove(key);
      doubted.remove(key);
      return;
    }
    String path = "/api/v1/namespaces/" + key.namespace() + "/resourcequotas/" + key.name();
    ObjectNode quota = read(path);
    if (quota == null) {
      return;
    }
    Instant last = counted.get(key);
    boolean due = last == null || !last.plus(RECOUNT_EVERY).isAfter(cluster.now());
    if (!due && !doubted.containsKey(key) && QuotaCount.isComplete(quota)) {
      return;
    }
    String version = Trees.text(quota, "metadata", "resourceVersion");
    boolean quiet = version.equals(doubted.get(key));
    QuotaCount.Outcome outcome = QuotaCount.apply(quota, objects(quota), quiet);
    if (outcome.changed()) {
      write(quota);
    }
    if (outcome.lower()) {
      doubted.put(key, version(path, version, outcome.changed()));
      queue.addAfter(key, QUIET);
    } else {
      doubted.remove(key);
      counted.put(key, cluster.now());
      queue.addAfter(key, RECOUNT_EVERY);
    }
  }

  private String version(String path, String version, boolean changed) {
    ObjectNode now = changed ? read(path) : null;
    return now == null ? version : Trees.text(now, "metadata", "resourceVersion");
  }

  private @Nullable ObjectNode read(String path) {
    String text = cluster.client().raw(path);
    return text == null ? null : Trees.readObject(text);
  }

  private void write(ObjectNode quota) {
    ResourceQuota typed =
        cluster
            .client()
            .getKubernetesSerialization()
            .unmarshal(new String(Trees.write(quota), StandardCharsets.UTF_8), ResourceQuota.class);
    try {
      cluster.updateStatus(typed);
    } catch (KubernetesClientException e) {
      if (!Cluster.isNotFound(e)) {
        throw e; // a conflict is tried again
      }
    }
  }

  /// All objects of the namespace that some name of the quota counts.
  private Map<QuotaUsage.Resource, List<JsonNode>> objects(ObjectNode quota) {
    String namespace = Trees.text(quota, "metadata", "namespace");
    Map<QuotaUsage.Resource, List<JsonNode>> found = new LinkedHashMap<>();
    for (QuotaUsage.Resource resource : QuotaCount.resources(quota)) {
      found.put(resource, list(resource, namespace));
    }
    return found;
  }

  private List<JsonNode> list(QuotaUsage.Resource resource, String namespace) {
    String version = resource.group().isEmpty() ? "/api/v1" : preferred(resource);
    if (version.isEmpty()) {
      return List.of();
    }
    ObjectNode list = read(version + "/namespaces/" + namespace + "/" + resource.plural());
    return list == null ? List.of() : list.path("items").valueStream().toList();
  }

  /// `/apis/apps/v1`, or empty if nobody serves the resource.
  private String preferred(QuotaUsage.Resource resource) {
    ObjectNode group = read("/apis/" + resource.group());
    for (JsonNode version : Trees.items(group, "versions")) {
      String groupVersion = Trees.text(version, "groupVersion");
      APIResourceList served = cluster.client().getApiResources(groupVersion);
      if (served != null
          && served.getResources().stream().anyMatch(r -> r.getName().equals(resource.plural()))) {
        return "/apis/" + groupVersion;
      }
    }
    return "";
  }

  @Override
  public void close() {
    queue.close();
  }
}
