// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.nodes;

import dev.fairway.linux.wireguard.WireGuardKey;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.NodeAddress;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
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
    return of(nodes, myName, List.of(myAddress), List.of(), name -> List.of());
  }

  /// As [#of(Collection, String, IpAddress)], for both families, where nodes may have ranges out of
  /// pools, too.
  ///
  /// @param mine where this machine is reached, first that by which the others' are chosen
  /// @param podRanges in which all nodes' own ranges must be, those of other families apart, which
  ///   pods do without; empty: anywhere
  /// @param blocks further ranges of a node, by its name
  public static ClusterNodes of(
      Collection<Node> nodes,
      String myName,
      List<IpAddress> mine,
      List<Prefix> podRanges,
      Function<String, List<Prefix>> blocks) {
    return new KnownNodes().read(nodes, myName, mine, podRanges, blocks);
  }

  /// Reads one object.
  static KnownNodes.Known know(
      Node node, List<IpAddress> mine, List<Prefix> podRanges, boolean isMe, List<Prefix> blocks) {
    boolean other = saysOtherAddress(node);
    try {
      ClusterNode read = read(node, mine, isMe, own(node, podRanges), blocks);
      if (!isMe) {
        checkApart(read, podRanges);
      }
      return read.ranges().isEmpty()
          ? new KnownNodes.Known(node, blocks, other, null, "spec.podCIDRs is not set yet")
          : new KnownNodes.Known(node, blocks, other, read, "");
    } catch (IllegalArgumentException e) {
      return new KnownNodes.Known(node, blocks, other, null, String.valueOf(e.getMessage()));
    }
  }

  /// @param sorted of two that say the same of themselves for the first time, the first keeps it
  static ClusterNodes of(List<KnownNodes.Known> sorted, String myName, Claims claims) {
    List<KnownNodes.Known> others = new ArrayList<>(sorted.size());
    List<String> problems = new ArrayList<>();
    ClusterNode me = null;
    Map<String, String> myAnnotations = Map.of();
    for (KnownNodes.Known known : sorted) {
      boolean isMe = known.name().equals(myName);
      if (isMe) {
        myAnnotations = annotations(known.object());
      }
      if (known.node() == null) {
        problems.add("node " + known.name() + ": " + known.problem());
      } else if (isMe) {
        me = known.node();
      } else {
        others.add(known);
      }
    }
    return new ClusterNodes(
        Optional.ofNullable(me), claims.settle(me, others, problems), problems, myAnnotations);
  }

  /// Packets for a pod of that address would go to the machine, or those for the machine nowhere.
  private static void checkApart(ClusterNode node, List<Prefix> podRanges) {
    for (IpAddress address : node.addresses()) {
      for (Prefix range : podRanges) {
        if (range.contains(address)) {
          throw new IllegalArgumentException(
              "its address " + address + " is in the range of pods " + range);
        }
      }
    }
  }

  private static List<Prefix> own(Node node, List<Prefix> podRanges) {
    List<Prefix> all = ranges(node);
    if (podRanges.isEmpty()) {
      return all;
    }
    List<Prefix> wanted = new ArrayList<>();
    for (Prefix range : all) {
      boolean sameFamily = false;
      boolean inside = false;
      for (Prefix podRange : podRanges) {
        sameFamily |= podRange.family() == range.family();
        inside |= podRange.contains(range);
      }
      if (sameFamily && !inside) {
        throw new IllegalArgumentException(
            "spec.podCIDRs: " + range + " is in none of the pod ranges " + podRanges);
      }
      if (inside) {
        wanted.add(range);
      }
    }
    return wanted;
  }

  private static ClusterNode read(
      Node node, List<IpAddress> mine, boolean isMe, List<Prefix> own, List<Prefix> blocks) {
    List<Prefix> ranges = new ArrayList<>(own);
    ranges.addAll(blocks);
    Map<String, String> annotations = annotations(node);
    IpFamily family = mine.getFirst().family();
    Optional<ClusterNode.Tunnel> tunnel;
    Optional<WireGuardKey> wireGuard = Optional.empty();
    try {
      tunnel = Optional.ofNullable(FlannelAnnotations.tunnel(annotations, family));
      wireGuard = FlannelAnnotations.wireGuard(annotations);
    } catch (IllegalArgumentException e) {
      if (!isMe) {
        throw e;
      }
      tunnel = Optional.empty(); // what somebody wrote over our own is soon written anew
    }
    return new ClusterNode(
        node.getMetadata().getName(),
        isMe ? mine : addresses(node, annotations, family),
        ranges,
        tunnel,
        FlannelAnnotations.sendsBy(annotations),
        wireGuard);
  }

  /// Where machines of the cluster are: only addresses that stand in the status of their Node. What
  /// a node announces beside that is good for reaching its own pods, and is its word alone: it must
  /// not change how other pods' packets to that address leave.
  ///
  /// @param objects all Node objects
  public static List<IpAddress> machines(
      ClusterNode me, List<ClusterNode> others, Collection<Node> objects) {
    Set<String> doubtful = new HashSet<>();
    for (Node node : objects) {
      if (saysOtherAddress(node)) {
        doubtful.add(node.getMetadata().getName());
      }
    }
    List<IpAddress> machines = new ArrayList<>(me.addresses());
    for (ClusterNode other : others) {
      if (!doubtful.contains(other.name())) {
        machines.addAll(other.addresses());
      }
    }
    return machines;
  }

  /// Whether it announces an address that its status does not have.
  private static boolean saysOtherAddress(Node node) {
    for (IpFamily family : IpFamily.values()) {
      String announced = annotations(node).get(FlannelAnnotations.address(family));
      if (announced != null
          && (node.getStatus() == null
              || node.getStatus().getAddresses().stream()
                  .noneMatch(address -> announced.equals(address.getAddress())))) {
        return true;
      }
    }
    return false;
  }

  private static Map<String, String> annotations(Node node) {
    Map<String, String> annotations = node.getMetadata().getAnnotations();
    return annotations == null ? Map.of() : annotations;
  }

  private static List<IpAddress> addresses(
      Node node, Map<String, String> annotations, IpFamily first) {
    List<IpAddress> found = new ArrayList<>();
    for (IpFamily family : IpFamily.values()) {
      IpAddress address = address(node, annotations, family);
      if (address == null && family == first) {
        throw new IllegalArgumentException(
            "status.addresses has no InternalIP of " + family + " yet");
      }
      if (address != null) {
        check(address);
        found.add(family == first ? 0 : found.size(), address);
      }
    }
    return found;
  }

  private static @Nullable IpAddress address(
      Node node, Map<String, String> annotations, IpFamily family) {
    String annotation = FlannelAnnotations.address(family);
    String announced = annotations.get(annotation);
    if (announced != null) {
      IpAddress address;
      try {
        address = IpAddress.parse(announced);
      } catch (IllegalArgumentException e) {
        throw new IllegalArgumentException(annotation + ": " + e.getMessage(), e);
      }
      if (address.family() != family) {
        throw new IllegalArgumentException(
            annotation + ": " + address + " is not an address of " + family);
      }
      return address;
    }
    if (node.getStatus() != null && node.getStatus().getAddresses() != null) {
      for (NodeAddress address : node.getStatus().getAddresses()) {
        if ("InternalIP".equals(address.getType())) {
          IpAddress internal = IpAddress.parse(String.valueOf(address.getAddress()));
          if (internal.family() == family) {
            return internal;
          }
        }
      }
    }
    return null;
  }

  private static void check(IpAddress address) {
    boolean broadcast = address.family() == IpFamily.IPV4 && address.ipv4Bits() == -1;
    if (address.isUnspecified()
        || address.isMulticast()
        || address.isLoopback()
        || address.isLinkLocal()
        || broadcast) {
      throw new IllegalArgumentException("its address " + address + " is no machine's own");
    }
  }

  private static List<Prefix> ranges(Node node) {
    List<Prefix> ranges = new ArrayList<>();
    if (node.getSpec() == null) {
      return ranges;
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
    return ranges;
  }
}
