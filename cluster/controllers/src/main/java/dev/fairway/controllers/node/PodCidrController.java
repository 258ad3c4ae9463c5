// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.node;

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

/// Gives each node that has none a `spec.podCIDR`. One worker does it, so no part is given twice.
public final class PodCidrController implements Controller {
  private static final Logger LOG = LoggerFactory.getLogger(PodCidrController.class);

  private final Cluster cluster;
  private final Prefix network;
  private final int length;
  private final WorkQueue<ObjectKey> queue;

  /// @param network the pod network
  /// @param length the prefix length of a node's part
  public PodCidrController(Cluster cluster, Prefix network, int length) {
    this.cluster = cluster;
    this.network = network;
    this.length = length;
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
    Optional<Prefix> part = PodCidrs.choose(key.name(), taken(), network, length);
    if (part.isEmpty()) {
      cluster
          .events()
          .warning(
              "node-controller",
              node,
              "CIDRNotAvailable",
              "every /" + length + " of the pod network " + network + " is taken");
      LOG.warn("node {} gets no pod addresses: {} is used up", key.name(), network);
      return;
    }
    cluster.patch(
        node,
        "{\"spec\":{\"podCIDR\":\"" + part.get() + "\",\"podCIDRs\":[\"" + part.get() + "\"]}}");
  }

  private List<Prefix> taken() {
    List<Prefix> taken = new ArrayList<>();
    for (Node node : cluster.list(Node.class)) {
      String cidr = cidr(node);
      if (cidr != null) {
        taken.add(Prefix.parse(cidr));
      }
    }
    return taken;
  }

  @Override
  public void close() {
    queue.close();
  }
}
