// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.policy;

import dev.fairway.reconcile.ClusterFollower;
import dev.fairway.reconcile.ClusterImage;
import dev.fairway.reconcile.Delta;
import dev.fairway.reconcile.ObjectKey;
import dev.fairway.reconcile.Selection;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.ListOptionsBuilder;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.apiextensions.v1.CustomResourceDefinition;
import io.fabric8.kubernetes.api.model.apiextensions.v1.CustomResourceDefinitionVersion;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Follows ClusterNetworkPolicy objects and nodes, while the cluster has such a kind.
///
/// Whether it does is followed, too, by one watch of one object, which is all that the absent kind
/// costs. Until the first answer the datapath loads nothing for a while, as what is not known yet
/// may deny. What cannot be read is said once, and asked for again until it can.
public final class ClusterPolicies implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(ClusterPolicies.class);
  private static final ObjectKey DEFINITION =
      new ObjectKey("", ClusterNetworkPolicy.PLURAL + "." + ClusterNetworkPolicy.GROUP);
  private static final String RESOURCE = "cluster-network-policies.yaml";
  private static final Duration ASK_AGAIN = Duration.ofMillis(500);
  private static final Duration ASK_AGAIN_AT_LAST = Duration.ofSeconds(2);

  /// A server that has just begun may not know yet who may do what.
  private static final int ANSWERS_BELIEVED = 3;

  private static final int FORBIDDEN = 403;
  private static final int NOT_FOUND = 404;

  private final KubernetesClient client;
  private final Optional<PolicyDatapath> datapath;
  private final Optional<ClusterPolicyStatus> status;

  // Guarded by this.
  private @Nullable ClusterFollower kind;
  private final List<ClusterFollower> followers = new ArrayList<>();

  /// Grows when the kind comes or goes; what followers of an earlier time say counts no more.
  private int time;

  private boolean served;
  private boolean closed;

  private ClusterPolicies(
      KubernetesClient client,
      Optional<PolicyDatapath> datapath,
      Optional<ClusterPolicyStatus> status) {
    this.client = client;
    this.datapath = datapath;
    this.status = status;
  }

  /// Begins to follow, for enforcing; to be called before the datapath follows anything else.
  public static ClusterPolicies follow(KubernetesClient client, PolicyDatapath datapath) {
    return new ClusterPolicies(client, Optional.of(datapath), Optional.empty()).start();
  }

  /// The same, and tells in the objects' status whether they are understood, where nobody else did.
  public static ClusterPolicies followAndTell(KubernetesClient client, PolicyDatapath datapath) {
    return new ClusterPolicies(
            client,
            Optional.of(datapath),
            Optional.of(new ClusterPolicyStatus(client, ClusterPolicyStatus.AMONG_NODES)))
        .start();
  }

  /// Tells only.
  public static ClusterPolicies tell(KubernetesClient client) {
    return new ClusterPolicies(
            client,
            Optional.empty(),
            Optional.of(new ClusterPolicyStatus(client, ClusterPolicyStatus.ALONE)))
        .start();
  }

  private ClusterPolicies start() {
    datapath.ifPresent(PolicyDatapath::awaitCluster);
    Thread.ofVirtual().name("cluster-policy-kind").start(this::findKind);
    return this;
  }

  /// The kind, as YAML for `kubectl apply -f -`.
  public static String yaml() {
    try (InputStream in = ClusterPolicies.class.getResourceAsStream(RESOURCE)) {
      if (in == null) {
        throw new IllegalStateException("resource " + RESOURCE + " is missing");
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// All of a cluster's policies of the kind; none if it does not have it.
  static List<ClusterNetworkPolicy> list(KubernetesClient client) {
    try {
      return client.resources(ClusterNetworkPolicy.class).list().getItems();
    } catch (KubernetesClientException e) {
      if (e.getCode() == NOT_FOUND) {
        return List.of();
      }
      throw e;
    }
  }

  private void findKind() {
    Pause pause = new Pause();
    int refusals = 0;
    while (!isClosed()) {
      try {
        client
            .resources(CustomResourceDefinition.class)
            .withField("metadata.name", DEFINITION.name())
            .list();
        followKind();
        return;
      } catch (KubernetesClientException e) {
        boolean hidden = e.getCode() == FORBIDDEN || e.getCode() == NOT_FOUND;
        refusals = hidden ? refusals + 1 : 0;
        if (refusals == ANSWERS_BELIEVED && !isClosed()) {
          LOG.info(
              "ClusterNetworkPolicy objects are not looked for: this agent has no right to list and"
                  + " watch customresourcedefinitions");
          datapath.ifPresent(all -> all.setCluster(List.of(), List.of()));
        } else if (!hidden) {
          pause.tell(e, "whether the cluster has the kind ClusterNetworkPolicy is not known", this);
        }
      }
      if (!pause.take()) {
        return;
      }
    }
  }

  private synchronized boolean isClosed() {
    return closed;
  }

  private synchronized boolean isCurrent(int then) {
    return !closed && time == then;
  }

  private synchronized void followKind() {
    if (!closed) {
      kind =
          ClusterFollower.of(client)
              .follow(
                  CustomResourceDefinition.class,
                  Selection.ofField("metadata.name", DEFINITION.name()))
              .subscribe("cluster-policy-kind", (delta, image) -> kindChanged(image))
              .start();
    }
  }

  private synchronized void kindChanged(ClusterImage image) {
    boolean isServed =
        image.get(CustomResourceDefinition.class, DEFINITION).filter(this::isServed).isPresent();
    if (closed || (isServed && served)) {
      return;
    }
    boolean wasServed = served;
    served = isServed;
    time++;
    followers.forEach(ClusterFollower::close);
    followers.clear();
    if (isServed) {
      int now = time;
      Thread.ofVirtual().name("cluster-policies").start(() -> followPolicies(now));
      datapath.ifPresent(
          all -> Thread.ofVirtual().name("cluster-policy-nodes").start(() -> followNodes(now)));
      return;
    }
    if (wasServed) {
      LOG.info("ClusterNetworkPolicy is gone, and with it all policies of the kind");
    }
    datapath.ifPresent(all -> all.setCluster(List.of(), List.of()));
  }

  private void followPolicies(int now) {
    if (awaitReadable(now, ClusterNetworkPolicy.class, "clusternetworkpolicies")) {
      ClusterFollower.Builder follow =
          ClusterFollower.of(client).follow(ClusterNetworkPolicy.class);
      datapath.ifPresent(all ->
          follow.subscribe(
              "cluster-policy",
              (delta, image) -> tell(now, delta, image, all::clusterPoliciesChanged)));
      status.ifPresent(all ->
          follow.subscribe(
              "cluster-policy-status", (delta, image) -> tell(now, delta, image, all::changed)));
      start(now, follow);
    }
  }

  private void followNodes(int now) {
    if (awaitReadable(now, Node.class, "nodes")) {
      PolicyDatapath all = datapath.orElseThrow();
      start(
          now,
          ClusterFollower.of(client)
              .follow(Node.class)
              .subscribe(
                  "cluster-policy-nodes",
                  (delta, image) -> tell(now, delta, image, all::nodesChanged)));
    }
  }

  private synchronized void start(int now, ClusterFollower.Builder follow) {
    if (isCurrent(now)) {
      followers.add(follow.start());
    }
  }

  @FunctionalInterface
  private interface Told {
    void changed(Delta delta, ClusterImage image);
  }

  /// Followers are stopped without waiting for what they are about to say, so it is looked here
  /// whether it still counts.
  private synchronized void tell(int then, Delta delta, ClusterImage image, Told who) {
    if (isCurrent(then)) {
      who.changed(delta, image);
    }
  }

  /// Asks until there is an answer.
  ///
  /// @return whether there is one, and it is still of interest
  private <T extends HasMetadata> boolean awaitReadable(int then, Class<T> what, String plural) {
    Pause pause = new Pause();
    while (isCurrent(then)) {
      try {
        client.resources(what).list(new ListOptionsBuilder().withLimit(1L).build());
        if (pause.hasTold()) {
          LOG.info("{} can be read again", what.getSimpleName());
        }
        return isCurrent(then);
      } catch (KubernetesClientException e) {
        if (e.getCode() != NOT_FOUND) { // one that was just made, or taken away
          pause.tell(e, what.getSimpleName() + " objects cannot be read", this);
          if (e.getCode() == FORBIDDEN) {
            pause.advise("give this agent the right to list and watch " + plural);
          }
        }
      }
      if (!pause.take()) {
        return false;
      }
    }
    return false;
  }

  /// Between attempts: longer and longer. Says a problem once.
  private static final class Pause {
    private Duration next = ASK_AGAIN;
    private final Set<String> told = new HashSet<>();

    void tell(KubernetesClientException problem, String what, ClusterPolicies policies) {
      String why =
          problem.getCode() > 0
              ? "the API server answers " + problem.getCode()
              : "the API server cannot be reached";
      if (!policies.isClosed() && told.add(why)) {
        LOG.warn(
            "{}: {}: {}; policies that are known stay enforced, and it is asked again",
            what,
            why,
            problem.getMessage());
      }
    }

    void advise(String what) {
      if (told.add(what)) {
        LOG.warn("{}", what);
      }
    }

    boolean hasTold() {
      return !told.isEmpty();
    }

    /// @return whether to go on
    boolean take() {
      try {
        Thread.sleep(next);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return false;
      }
      next = next.multipliedBy(2);
      if (next.compareTo(ASK_AGAIN_AT_LAST) > 0) {
        next = ASK_AGAIN_AT_LAST;
      }
      return true;
    }
  }

  private boolean isServed(CustomResourceDefinition definition) {
    boolean established =
        Optional.ofNullable(definition.getStatus()).stream()
            .flatMap(status -> status.getConditions().stream())
            .anyMatch(one -> "Established".equals(one.getType()) && "True".equals(one.getStatus()));
    if (!established) {
      return false;
    }
    List<CustomResourceDefinitionVersion> versions = definition.getSpec().getVersions();
    boolean known =
        versions.stream()
            .anyMatch(version ->
                ClusterNetworkPolicy.VERSION.equals(version.getName())
                    && Boolean.TRUE.equals(version.getServed()));
    if (!known) {
      LOG.warn(
          "CustomResourceDefinition {}: spec.versions: {} is not served; its policies are not used",
          DEFINITION.name(),
          ClusterNetworkPolicy.VERSION);
    }
    return known;
  }

  /// Stops following; what was told last stays.
  @Override
  public void close() {
    synchronized (this) {
      closed = true;
      if (kind != null) {
        kind.close();
      }
      followers.forEach(ClusterFollower::close);
    }
    status.ifPresent(ClusterPolicyStatus::close);
  }
}
