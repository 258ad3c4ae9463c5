// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.scheduler;

import dev.fairway.controllers.objects.LabelSelectors;
import io.fabric8.kubernetes.api.model.Affinity;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodAffinityTerm;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Required affinity and anti-affinity between pods. Namespace selectors are not looked at; a term
/// speaks of its `namespaces`, or of the pod's own namespace.
final class PodAffinity {
  private record Place(String topologyKey, String value) {}

  private record Wanted(PodAffinityTerm term, Set<String> values, boolean anyMatch) {}

  private final Pod pod;
  private final List<Wanted> near = new ArrayList<>();
  private final List<Wanted> apart = new ArrayList<>();
  private final Set<Place> keptAwayFrom = new HashSet<>();

  PodAffinity(Pod pod, Cells cells) {
    this.pod = pod;
    terms(pod, true).forEach(term -> near.add(find(term, cells)));
    terms(pod, false).forEach(term -> apart.add(find(term, cells)));
    for (NodeState node : cells.nodes()) {
      for (Pod other : node.pods()) {
        for (PodAffinityTerm term : terms(other, false)) {
          String value = node.label(term.getTopologyKey());
          if (value != null && matches(term, other, pod)) {
            keptAwayFrom.add(new Place(term.getTopologyKey(), value));
          }
        }
      }
    }
  }

  private Wanted find(PodAffinityTerm term, Cells cells) {
    Set<String> values = new HashSet<>();
    boolean anyMatch = false;
    for (NodeState node : cells.nodes()) {
      String value = node.label(term.getTopologyKey());
      for (Pod other : node.pods()) {
        if (matches(term, pod, other)) {
          anyMatch = true;
          if (value != null) {
            values.add(value);
          }
        }
      }
    }
    return new Wanted(term, values, anyMatch);
  }

  List<String> reasons(NodeState node) {
    for (Wanted wanted : near) {
      String value = node.label(wanted.term.getTopologyKey());
      // The first pod of a group that wants to be near itself may go anywhere.
      boolean first = !wanted.anyMatch && matches(wanted.term, pod, pod);
      if (value == null || (!first && !wanted.values.contains(value))) {
        return List.of("node(s) didn't match pod affinity rules");
      }
    }
    for (Wanted unwanted : apart) {
      String value = node.label(unwanted.term.getTopologyKey());
      if (value != null && unwanted.values.contains(value)) {
        return List.of("node(s) didn't match pod anti-affinity rules");
      }
    }
    for (Place place : keptAwayFrom) {
      if (place.value.equals(node.label(place.topologyKey))) {
        return List.of("node(s) didn't satisfy existing pods anti-affinity rules");
      }
    }
    return List.of();
  }

  private static List<PodAffinityTerm> terms(Pod pod, boolean affinity) {
    Affinity all = pod.getSpec().getAffinity();
    if (all == null) {
      return List.of();
    }
    List<PodAffinityTerm> terms = null;
    if (affinity && all.getPodAffinity() != null) {
      terms = all.getPodAffinity().getRequiredDuringSchedulingIgnoredDuringExecution();
    } else if (!affinity && all.getPodAntiAffinity() != null) {
      terms = all.getPodAntiAffinity().getRequiredDuringSchedulingIgnoredDuringExecution();
    }
    return Objects.requireNonNullElse(terms, List.of());
  }

  /// Whether a term of `owner` speaks of `other`.
  private static boolean matches(PodAffinityTerm term, Pod owner, Pod other) {
    return speaksOf(term.getNamespaces(), owner, other)
        && LabelSelectors.matches(term.getLabelSelector(), other);
  }

  private static boolean speaksOf(@Nullable List<String> namespaces, Pod owner, Pod other) {
    String namespace = other.getMetadata().getNamespace();
    return (namespaces == null || namespaces.isEmpty())
        ? owner.getMetadata().getNamespace().equals(namespace)
        : namespaces.contains(namespace);
  }
}
