// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.node;

import dev.fairway.controllers.ControllersConfig.PodNetwork;
import dev.fairway.controllers.loop.Cluster;
import dev.fairway.controllers.loop.Controller;
import dev.fairway.net.Prefix;
import dev.fairway.reconcile.ClusterFollower;
import dev.fairway.reconcile.ClusterImage;
import dev.fairway.reconcile.Delta;
import dev.fairway.reconcile.ObjectKey;
import dev.fairway.reconcile.WorkQueue;
import io.fabric8.kubernetes.api.model.Node;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Gives each node that has none its `spec.podCIDRs`, a part of every pod network. One worker does
/// it, so no part is given twice.
public final class PodCidrController implements Controller {
  private static final Logger LOG = LoggerFactory.getLogger(PodCidrController.class);

  private final Cluster cluster;
  private final List<PodNetwork> networks;
  private final WorkQueue<ObjectKey> queue;

  /// @param networks the pod networks, the primary first
  public PodCidrController(Cluster cluster, List<PodNetwork> networks) {
    this.cluster = cluster;
    this.networks = List.copyOf(networks);
    this.queue = new WorkQueue<>(name(), 1, this::reconcile);
  }

  @Override
  public String name() {
    return "podcidr";
  }

  @Override
  public void follow(ClusterFollower.Builder follower) {
    follower.follow(Node.class);
  }

  @Override
  public void changed(Delta delta, ClusterImage image) {
    delta
        .of(Node.class)
        .forEach((key, change) -> {
          if (change.after().filter(node -> cidr(node) == null).isPresent()) {
            queue.add(key);
          }
        });
  }

  private static @Nullable String cidr(Node node) {
    String cidr = node.getSpec() == null ? null : node.getSpec().getPodCIDR();
    return (cidr == null || cidr.isEmpty()) ? null : cidr;
  }

  private void reconcile(ObjectKey key) {
    Node node = cluster.get(Node.class, key).orElse(null);
    if (node == null || cidr(node) != null) {
      return;
    }
    List<Prefix> taken = taken();
    List<String> parts = new ArrayList<>();
    for (PodNetwork network : networks) {
      Optional<Prefix> part =
          PodCidrs.choose(key.name(), taken, network.prefix(), network.nodePrefixLength());
      if (part.isEmpty()) {
        refuse(node, network);
        return;
      }
      parts.add('"' + part.get().toString() + '"');
    }
    cluster.patch(
        node,
        "{\"spec\":{\"podCIDR\":"
            + parts.getFirst()
            + ",\"podCIDRs\":["
            + String.join(",", parts)
            + "]}}");
  }

  private void refuse(Node node, PodNetwork network) {
    cluster
        .events()
        .warning(
            "node-controller",
            node,
            "CIDRNotAvailable",
            "every /"
                + network.nodePrefixLength()
                + " of the pod network "
                + network.prefix()
                + " is taken");
    LOG.warn(
        "node {} gets no pod addresses: {} is used up",
        node.getMetadata().getName(),
        network.prefix());
  }

  private List<Prefix> taken() {
    List<Prefix> taken = new ArrayList<>();
    for (Node node : cluster.list(Node.class)) {
      String first = cidr(node);
      List<String> all = first == null ? List.of() : node.getSpec().getPodCIDRs();
      if (all != null && !all.isEmpty()) {
        all.forEach(part -> taken.add(Prefix.parse(part)));
      } else if (first != null) {
        taken.add(Prefix.parse(first));
      }
    }
    return taken;
  }

  @Override
  public void close() {
    queue.close();
  }
}
