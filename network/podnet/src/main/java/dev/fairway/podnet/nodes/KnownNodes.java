// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.nodes;

import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import io.fabric8.kubernetes.api.model.Node;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// Reads the Node objects again and again, each anew only where it is another object than before:
/// of a thousand mostly one is. Not for several threads at a time.
public final class KnownNodes {
  /// One object, read.
  ///
  /// @param blocks that it was read with
  /// @param saysOtherAddress see [ClusterNodes]
  /// @param node null if it makes no sense
  /// @param problem why it does not; empty if it does
  record Known(
      Node object,
      List<Prefix> blocks,
      boolean saysOtherAddress,
      @Nullable ClusterNode node,
      String problem) {
    String name() {
      return object.getMetadata().getName();
    }

    @SuppressWarnings("ReferenceEquality") // to compare what they say takes as long as to read it
    private boolean isOf(Node other, List<Prefix> otherBlocks) {
      return object == other && blocks.equals(otherBlocks);
    }
  }

  /// What all were read with.
  private record With(String myName, List<IpAddress> mine, List<Prefix> podRanges) {}

  private static final Comparator<Known> ORDER =
      Comparator.comparing(Known::saysOtherAddress).thenComparing(Known::name);

  private With with = new With("", List.of(), List.of());
  private Map<String, Known> known = Map.of();
  private final Claims claims = new Claims();

  /// As [ClusterNodes#of(Collection, String, List, List, Function)]. An object that was given
  /// before must not have been changed since.
  public ClusterNodes read(
      Collection<Node> nodes,
      String myName,
      List<IpAddress> mine,
      List<Prefix> podRanges,
      Function<String, List<Prefix>> blocks) {
    With now = new With(myName, mine, podRanges);
    Map<String, Known> before = now.equals(with) ? known : Map.of();
    Map<String, Known> read = HashMap.newHashMap(nodes.size());
    List<Known> all = new ArrayList<>(nodes.size());
    for (Node node : nodes) {
      String name = node.getMetadata().getName();
      List<Prefix> extra = blocks.apply(name);
      Known one = before.get(name);
      if (one == null || !one.isOf(node, extra)) {
        one = ClusterNodes.know(node, mine, podRanges, name.equals(myName), extra);
      }
      read.put(name, one);
      all.add(one);
    }
    with = now;
    known = read;
    // Of two that say the same of themselves, the cluster's word for one counts more.
    all.sort(ORDER);
    return ClusterNodes.of(all, myName, claims);
  }
}
