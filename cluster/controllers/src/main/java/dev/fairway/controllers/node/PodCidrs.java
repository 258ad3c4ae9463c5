// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.node;

import dev.fairway.net.Prefix;
import java.util.Collection;
import java.util.Optional;

/// Chooses the part of the pod network that a node gets. Pure.
final class PodCidrs {
  private PodCidrs() {}

  /// The part with the number that ends the node's name, so that `worker-1` gets the second one, or
  /// the first free part if that one is taken or the name ends otherwise.
  ///
  /// @return empty if all parts are taken
  static Optional<Prefix> choose(
      String node, Collection<Prefix> taken, Prefix network, int length) {
    long parts = 1L << (length - network.length());
    long preferred = number(node);
    if (preferred >= 0 && preferred < parts) {
      Prefix part = network.subnet(length, preferred);
      if (isFree(part, taken)) {
        return Optional.of(part);
      }
    }
    for (long i = 0; i < parts; i++) {
      Prefix part = network.subnet(length, i);
      if (isFree(part, taken)) {
        return Optional.of(part);
      }
    }
    return Optional.empty();
  }

  private static boolean isFree(Prefix part, Collection<Prefix> taken) {
    return taken.stream().noneMatch(part::overlaps);
  }

  private static long number(String node) {
    int from = node.length();
    while (from > 0 && Character.isDigit(node.charAt(from - 1))) {
      from--;
    }
    return (from == node.length() || node.length() - from > 9)
        ? -1
        : Long.parseLong(node.substring(from));
  }
}
