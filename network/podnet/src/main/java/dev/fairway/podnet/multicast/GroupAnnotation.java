// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.multicast;

import dev.fairway.net.IpAddress;
import io.fabric8.kubernetes.api.model.Node;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/// How a node tells the others of which groups it has members.
final class GroupAnnotation {
  static final String NAME = "podnet.fairway.dev/multicast-groups";
  private static final int LONGEST_ADDRESS = 40;

  private GroupAnnotation() {}

  static String of(List<IpAddress> groups) {
    return String.join(",", groups.stream().map(IpAddress::toString).toList());
  }

  /// What is no group, or one too many, is passed over: its node gets less, and nobody else does.
  static Set<IpAddress> read(Node node) {
    Map<String, String> annotations = node.getMetadata().getAnnotations();
    String text = annotations == null ? "" : annotations.getOrDefault(NAME, "");
    Set<IpAddress> groups = new HashSet<>();
    if (text.isEmpty() || text.length() > Members.MOST * LONGEST_ADDRESS) {
      return groups;
    }
    for (String part : text.split(",", Members.MOST)) {
      group(part).ifPresent(groups::add);
    }
    return groups;
  }

  private static Optional<IpAddress> group(String text) {
    try {
      return Optional.of(IpAddress.parse(text)).filter(GroupPacket::isWide);
    } catch (IllegalArgumentException e) {
      return Optional.empty();
    }
  }
}
