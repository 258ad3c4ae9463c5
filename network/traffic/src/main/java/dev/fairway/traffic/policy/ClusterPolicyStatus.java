// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.policy;

import dev.fairway.reconcile.ClusterImage;
import dev.fairway.reconcile.Delta;
import dev.fairway.reconcile.ObjectKey;
import dev.fairway.reconcile.WorkQueue;
import io.fabric8.kubernetes.api.model.Condition;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.databind.json.JsonMapper;

/// Tells in the status of ClusterNetworkPolicy objects whether all of each is understood: the
/// condition `Accepted`, and in its message what is not, by field.
///
/// Whoever reads an object comes to the same, so who is first for a generation tells, and the
/// others leave it so. They wait for a moment of their own, so that mostly there is one write.
final class ClusterPolicyStatus implements AutoCloseable {
  /// How long to wait for others at most, where every node tells.
  static final Duration AMONG_NODES = Duration.ofSeconds(2);

  static final Duration ALONE = Duration.ZERO;

  private static final Logger LOG = LoggerFactory.getLogger(ClusterPolicyStatus.class);
  private static final String TYPE = "Accepted";
  private static final String MANAGER = "fairway-policy";
  private static final int LONGEST_MESSAGE = 1000;
  private static final int FORBIDDEN = 403;
  private static final int NOT_FOUND = 404;

  private final KubernetesClient client;
  private final Duration spread;
  private final JsonMapper json = new JsonMapper();
  private final WorkQueue<ObjectKey> queue =
      new WorkQueue<>("cluster-policy-status", 1, this::tell);
  private volatile @Nullable ClusterImage image;
  private volatile boolean mayNot;

  ClusterPolicyStatus(KubernetesClient client, Duration spread) {
    this.client = client;
    this.spread = spread;
  }

  void changed(Delta delta, ClusterImage latest) {
    image = latest;
    delta
        .of(ClusterNetworkPolicy.class)
        .forEach((key, change) -> {
          if (change.after().filter(ClusterPolicyStatus::isUntold).isPresent()) {
            long millis = ThreadLocalRandom.current().nextLong(spread.toMillis() + 1);
            queue.addAfter(key, Duration.ofMillis(millis));
          }
        });
  }

  private static boolean isUntold(ClusterNetworkPolicy policy) {
    List<Condition> conditions =
        policy.getStatus() == null || policy.getStatus().conditions() == null
            ? List.of()
            : policy.getStatus().conditions();
    return conditions.stream()
        .noneMatch(one ->
            TYPE.equals(one.getType())
                && Objects.requireNonNullElse(one.getObservedGeneration(), 0L)
                    .equals(generation(policy)));
  }

  private static Long generation(ClusterNetworkPolicy policy) {
    return Objects.requireNonNullElse(policy.getMetadata().getGeneration(), 0L);
  }

  private void tell(ObjectKey key) {
    ClusterImage latest = image;
    ClusterNetworkPolicy policy =
        latest == null ? null : latest.get(ClusterNetworkPolicy.class, key).orElse(null);
    if (policy == null || mayNot || !isUntold(policy)) {
      return;
    }
    try {
      client
          .resources(ClusterNetworkPolicy.class)
          .resource(policy) // by its name alone the client would get it first
          .subresource("status")
          .patch(
              new PatchContext.Builder()
                  .withPatchType(PatchType.SERVER_SIDE_APPLY)
                  .withFieldManager(MANAGER)
                  .withForce(true)
                  .build(),
              status(policy));
    } catch (KubernetesClientException e) {
      switch (e.getCode()) {
        case NOT_FOUND -> {} // gone meanwhile
        case FORBIDDEN -> {
          mayNot = true;
          LOG.info(
              "whether ClusterNetworkPolicy objects are understood is not told in their status: this"
                  + " agent has no right to patch clusternetworkpolicies/status");
        }
        default -> throw e;
      }
    }
  }

  private String status(ClusterNetworkPolicy policy) {
    List<String> problems = new ArrayList<>();
    String prefix = "ClusterNetworkPolicy " + policy.getMetadata().getName() + ": ";
    new ClusterPolicyReader(problem -> problems.add(problem.substring(prefix.length())))
        .read(policy);
    String message = problems.isEmpty() ? "all of it is understood" : String.join("\n", problems);
    return json.writeValueAsString(
        Map.of(
            "apiVersion",
            policy.getApiVersion(),
            "kind",
            policy.getKind(),
            "metadata",
            Map.of("name", policy.getMetadata().getName()),
            "status",
            Map.of(
                "conditions",
                List.of(
                    Map.of(
                        "type",
                        TYPE,
                        "status",
                        problems.isEmpty() ? "True" : "False",
                        "reason",
                        problems.isEmpty() ? "Accepted" : "Invalid",
                        "message",
                        message.substring(0, Math.min(message.length(), LONGEST_MESSAGE)),
                        "observedGeneration",
                        generation(policy),
                        "lastTransitionTime",
                        Instant.now().truncatedTo(ChronoUnit.SECONDS).toString())))));
  }

  @Override
  public void close() {
    queue.close();
  }
}
