// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.pools;

import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import dev.fairway.podnet.ipam.NoAddress;
import dev.fairway.podnet.ipam.NoAddress.Reason;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// The pools that are used, and what is wrong with those that are not. Pure.
///
/// @param pools by name; no two overlap, none overlaps a node's own range
/// @param problems each names the object and the field
record PoolTable(List<Pool> pools, List<String> problems) {
  static final PoolTable NONE = new PoolTable(List.of(), List.of());

  PoolTable {
    pools = List.copyOf(pools);
    problems = List.copyOf(problems);
  }

  /// Reads the objects.
  ///
  /// @param nodeRanges each `spec.podCIDRs` by the node's name
  static PoolTable of(Collection<AddressPool> objects, Map<String, List<Prefix>> nodeRanges) {
    return of(objects, nodeRanges, Map.of());
  }

  /// @param taken what no pool may have in it, and what that is
  static PoolTable of(
      Collection<AddressPool> objects,
      Map<String, List<Prefix>> nodeRanges,
      Map<Prefix, String> taken) {
    List<Pool> read = new ArrayList<>();
    List<String> problems = new ArrayList<>();
    for (AddressPool object : objects) {
      try {
        read.add(Pool.of(object));
      } catch (IllegalArgumentException e) {
        problems.add(String.valueOf(e.getMessage()));
      }
    }
    read.sort(Comparator.comparing(Pool::created).thenComparing(Pool::name));
    List<Pool> kept = new ArrayList<>();
    for (Pool pool : read) {
      Optional<String> clash = clash(pool, kept, nodeRanges, taken);
      if (clash.isPresent()) {
        problems.add(
            "AddressPool " + pool.name() + ": spec.cidr overlaps " + clash.get() + "; not used");
      } else {
        kept.add(pool);
      }
    }
    kept.sort(Comparator.comparing(Pool::name));
    problems.sort(Comparator.naturalOrder());
    return new PoolTable(kept, problems);
  }

  private static Optional<String> clash(
      Pool pool,
      List<Pool> earlier,
      Map<String, List<Prefix>> nodeRanges,
      Map<Prefix, String> taken) {
    for (Map.Entry<Prefix, String> each : taken.entrySet()) {
      if (each.getKey().overlaps(pool.cidr())) {
        return Optional.of(each.getValue());
      }
    }
    for (Pool other : earlier) {
      if (other.cidr().overlaps(pool.cidr())) {
        return Optional.of("that of AddressPool " + other.name());
      }
    }
    for (Map.Entry<String, List<Prefix>> node : nodeRanges.entrySet()) {
      for (Prefix range : node.getValue()) {
        if (range.overlaps(pool.cidr())) {
          return Optional.of("spec.podCIDRs of node " + node.getKey());
        }
      }
    }
    return Optional.empty();
  }

  /// Whether nobody wants pools. One that makes no sense is wanted: a pod that names it must not
  /// come up as if it did not.
  boolean isEmpty() {
    return pools.isEmpty() && problems.isEmpty();
  }

  /// Whether it matters what labels a namespace has.
  boolean asksForNamespaces() {
    return pools.stream().anyMatch(pool -> !pool.namespaces().isEmpty());
  }

  Optional<Pool> named(String name) {
    return pools.stream().filter(pool -> pool.name().equals(name)).findFirst();
  }

  Optional<Pool> holding(IpAddress address) {
    return pools.stream().filter(pool -> pool.cidr().contains(address)).findFirst();
  }

  /// The pools that a pod's address of one family may come from: those it names, else the best
  /// matching; empty where there are none for it.
  ///
  /// @throws NoAddress if the pod names one that is not for it
  List<Pool> choose(PodWish pod, IpFamily family, Map<String, String> nodeLabels) throws NoAddress {
    List<Pool> chosen = new ArrayList<>();
    for (String name : pod.pools()) {
      Pool pool =
          named(name)
              .orElseThrow(() ->
                  new NoAddress(
                      Reason.NOT_ALLOWED,
                      PodWish.POOLS + ": there is no usable AddressPool " + name));
      allow(pool, pod, nodeLabels, PodWish.POOLS);
      if (pool.family() == family) {
        chosen.add(pool);
      }
    }
    if (!pod.pools().isEmpty()) {
      return chosen;
    }
    int best = -1;
    for (Pool pool : pools) {
      boolean fits =
          pool.family() == family
              && !pool.disabled()
              && pool.isFor(pod.namespaceLabels(), nodeLabels);
      if (fits && pool.rank() >= best) {
        if (pool.rank() > best) {
          chosen.clear();
        }
        best = pool.rank();
        chosen.add(pool);
      }
    }
    return chosen;
  }

  /// @throws NoAddress if the pod may have nothing of this pool
  static void allow(Pool pool, PodWish pod, Map<String, String> nodeLabels, String annotation)
      throws NoAddress {
    String whyNot =
        pool.disabled()
            ? " is disabled"
            : !pool.namespaces().matches(pod.namespaceLabels())
                ? " is not for this pod's namespace (spec.namespaceSelector)"
                : !pool.nodes().matches(nodeLabels)
                    ? " is not for this pod's node (spec.nodeSelector)"
                    : "";
    if (!whyNot.isEmpty()) {
      throw new NoAddress(Reason.NOT_ALLOWED, annotation + ": AddressPool " + pool.name() + whyNot);
    }
  }
}
