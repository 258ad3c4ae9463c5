// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.policy;

import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;

/// Whom a rule lets in or out to. Its text is canonical: equal peers have equal texts.
sealed interface Peer {
  /// Every address there is.
  record Anyone() implements Peer {
    @Override
    public String toString() {
      return "anyone";
    }
  }

  /// Pods by their labels and those of their namespace.
  ///
  /// @param namespace the only namespace, where the rule names none
  record Pods(Optional<String> namespace, Selector namespaces, Selector pods) implements Peer {
    boolean matches(PodFacts pod, Map<String, String> labelsOfNamespace) {
      return (namespace.isEmpty() || namespace.get().equals(pod.key().namespace()))
          && pods.matches(pod.labels())
          && namespaces.matches(labelsOfNamespace);
    }

    @Override
    public String toString() {
      return "pods "
          + pods
          + " of namespace"
          + namespace.map(one -> " " + one).orElse("s " + namespaces);
    }
  }

  /// Nodes by their labels: all addresses that they tell.
  record Nodes(Selector nodes) implements Peer {
    @Override
    public String toString() {
      return "nodes " + nodes;
    }
  }

  /// Addresses of a range, less some inside it.
  record Block(Prefix range, List<Prefix> except) implements Peer {
    public Block {
      except = List.copyOf(new TreeSet<>(except));
    }

    boolean contains(IpAddress address) {
      return range.contains(address) && except.stream().noneMatch(one -> one.contains(address));
    }

    @Override
    public String toString() {
      return except.isEmpty() ? range.toString() : range + " except " + except;
    }
  }
}
