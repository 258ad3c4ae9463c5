// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.policy;

import dev.fairway.reconcile.ObjectKey;
import io.fabric8.kubernetes.api.model.Namespace;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// Whom policies may mean, as known now. Not for several threads.
final class ClusterFacts {
  /// The label that every namespace has of itself.
  private static final String NAME_LABEL = "kubernetes.io/metadata.name";

  private final List<PodFacts> served;
  private final Map<String, Map<String, String>> namespaces = new HashMap<>();
  private final Map<String, NodeFacts> nodes = new HashMap<>();
  final Map<ObjectKey, PodFacts> pods = new HashMap<>();

  /// @param served what the node itself serves and stands for pods, such as the cluster's DNS
  ClusterFacts(List<PodFacts> served) {
    this.served = List.copyOf(served);
  }

  List<PodFacts> served() {
    return served;
  }

  Collection<NodeFacts> nodes() {
    return nodes.values();
  }

  Map<String, String> labelsOf(String namespace) {
    Map<String, String> labels = namespaces.get(namespace);
    return labels == null ? Map.of(NAME_LABEL, namespace) : labels;
  }

  boolean knowsNamespace(String name) {
    return namespaces.containsKey(name);
  }

  void clearNamespaces() {
    namespaces.clear();
  }

  /// Says whether its labels are others now.
  boolean namespaceChanged(String name, @Nullable Namespace namespace) {
    Map<String, String> before = labelsOf(name);
    if (namespace == null) {
      namespaces.remove(name);
    } else {
      namespaces.put(name, labels(namespace));
    }
    return !before.equals(labelsOf(name));
  }

  private static Map<String, String> labels(Namespace namespace) {
    Map<String, String> labels =
        new HashMap<>(Selector.labels(namespace.getMetadata().getLabels()));
    labels.putIfAbsent(NAME_LABEL, namespace.getMetadata().getName());
    return Map.copyOf(labels);
  }

  void clearNodes() {
    nodes.clear();
  }

  /// Says whether it is another now.
  boolean nodeChanged(String name, @Nullable NodeFacts node) {
    NodeFacts before = node == null ? nodes.remove(name) : nodes.put(name, node);
    return !Objects.equals(before, node);
  }
}
