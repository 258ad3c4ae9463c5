// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.nodes;

import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.NodeAddress;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// The nodes of the cluster as one node sees them.
///
/// @param me this node, once it has a range
/// @param others that can be reached, by name
/// @param problems what is wrong with those left out, each naming node and field
/// @param myAnnotations of this node's object
public record ClusterNodes(
    Optional<ClusterNode> me,
    List<ClusterNode> others,
    List<String> problems,
    Map<String, String> myAnnotations) {
  public ClusterNodes {
    others = List.copyOf(others);
    problems = List.copyOf(problems);
    myAnnotations = Map.copyOf(myAnnotations);
  }

  /// Nothing is known yet.
  public static final ClusterNodes NONE =
      new ClusterNodes(Optional.empty(), List.of(), List.of(), Map.of());

  /// Reads the Node objects.
  ///
  /// @param nodes every Node object
  /// @param myName which of them is this node
  /// @param myAddress where this machine is reached, whatever its object says
  public static ClusterNodes of(Collection<Node> nodes, String myName, IpAddress myAddress) {
    return of(nodes, myName, myAddress, name -> List.of());
  }

  /// Reads the Node objects of a cluster where nodes have ranges out of pools, too.
  ///
  /// @param blocks further ranges of a node, by its name
  public static ClusterNodes of(
      Collection<Node> nodes,
      String myName,
      IpAddress myAddress,
      Function<String, List<Prefix>> blocks) {
    List<Node> sorted = new ArrayList<>(nodes);
    sorted.sort(Comparator.comparing(node -> node.getMetadata().getName()));
    List<ClusterNode> others = new ArrayList<>();
    List<String> problems = new ArrayList<>();
    ClusterNode me = null;
    Map<String, String> myAnnotations = Map.of();
    for (Node node : sorted) {
      String name = node.getMetadata().getName();
      boolean mine = name.equals(myName);
      if (mine) {
        myAnnotations = annotations(node);
      }
      try {
        ClusterNode read = read(node, mine ? myAddress : null, blocks.apply(name));
        if (read.ranges().isEmpty()) {
          problems.add("node " + name + ": spec.podCIDRs is not set yet");
        } else if (mine) {
          me = read;
        } else {
          others.add(read);
        }
      } catch (IllegalArgumentException e) {
        problems.add("node " + name + ": " + e.getMessage());
      }
    }
    return new ClusterNodes(
        Optional.ofNullable(me), apart(me, others, problems), problems, myAnnotations);
  }

  /// Of two nodes with the same range, the one that comes first keeps it; nobody else's may be
  /// ours.
  private static List<ClusterNode> apart(
      @Nullable ClusterNode me, List<ClusterNode> others, List<String> problems) {
    List<ClusterNode> kept = new ArrayList<>();
    ClaimedRanges claimed = new ClaimedRanges();
    if (me != null) {
      claimed.claim(me);
    }
    for (ClusterNode other : others) {
      Optional<String> clash = claimed.holderOfAny(other.ranges());
      if (clash.isEmpty()) {
        claimed.claim(other);
        kept.add(other);
      } else {
        problems.add(
            "node " + other.name() + ": spec.podCIDRs overlaps that of node " + clash.get());
      }
    }
    return kept;
  }

  private static ClusterNode read(Node node, @Nullable IpAddress known, List<Prefix> blocks) {
    Map<String, String> annotations = annotations(node);
    return new ClusterNode(
        node.getMetadata().getName(),
        known != null ? known : address(node, annotations),
        ranges(node, blocks),
        Optional.ofNullable(FlannelAnnotations.tunnel(annotations)));
  }

  private static Map<String, String> annotations(Node node) {
    Map<String, String> annotations = node.getMetadata().getAnnotations();
    return annotations == null ? Map.of() : annotations;
  }

  private static IpAddress address(Node node, Map<String, String> annotations) {
    String announced = annotations.get(FlannelAnnotations.PUBLIC_IP);
    if (announced != null) {
      try {
        return IpAddress.parse(announced);
      } catch (IllegalArgumentException e) {
        throw new IllegalArgumentException(FlannelAnnotations.PUBLIC_IP + ": " + e.getMessage(), e);
      }
    }
    if (node.getStatus() != null && node.getStatus().getAddresses() != null) {
      for (NodeAddress address : node.getStatus().getAddresses()) {
        if ("InternalIP".equals(address.getType())) {
          return IpAddress.parse(String.valueOf(address.getAddress()));
        }
      }
    }
    throw new IllegalArgumentException("status.addresses has no InternalIP yet");
  }

  private static List<Prefix> ranges(Node node, List<Prefix> blocks) {
    List<Prefix> ranges = new ArrayList<>();
    if (node.getSpec() == null) {
      return blocks;
    }
    List<String> all = node.getSpec().getPodCIDRs();
    String first = node.getSpec().getPodCIDR();
    List<String> texts =
        all != null && !all.isEmpty() ? all : first != null ? List.of(first) : List.of();
    for (String text : texts) {
      try {
        ranges.add(Prefix.parse(text));
      } catch (IllegalArgumentException e) {
        throw new IllegalArgumentException("spec.podCIDRs: " + e.getMessage(), e);
      }
    }
    ranges.addAll(blocks);
    return ranges;
  }
}
