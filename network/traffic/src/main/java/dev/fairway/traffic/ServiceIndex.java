// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic;

import dev.fairway.net.IpFamily;
import dev.fairway.reconcile.ObjectKey;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSlice;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// Keeps what every Service asks for, and reads again only those that a change concerns.
///
/// Not for several threads.
final class ServiceIndex {
  /// Says which Service a slice belongs to (KEP-752).
  private static final String SERVICE_NAME = "kubernetes.io/service-name";

  private static final int MAX_TOLD = 1000;

  private final Map<ObjectKey, Service> services = new HashMap<>();
  private final Map<ObjectKey, Map<ObjectKey, EndpointSlice>> slices = new HashMap<>();
  private final Map<ObjectKey, ServiceRules> rules =
      new TreeMap<>(Comparator.comparing(ObjectKey::namespace).thenComparing(ObjectKey::name));
  private final Set<ObjectKey> changed = new HashSet<>();
  private final Set<String> told = new HashSet<>();
  private final ServiceReader reader;
  private final Consumer<String> problems;

  /// @param problems told once about each thing that cannot be understood
  ServiceIndex(ServicesConfig config, Consumer<String> problems) {
    this.problems =
        problem -> {
          if (told.size() < MAX_TOLD && told.add(problem)) {
            problems.accept(problem);
          }
        };
    this.reader = new ServiceReader(config, this.problems);
  }

  /// Forgets everything and starts from these.
  void set(Collection<Service> allServices, Collection<EndpointSlice> allSlices) {
    services.clear();
    slices.clear();
    rules.clear();
    changed.clear();
    allServices.forEach(service -> changed(ObjectKey.of(service), service));
    allSlices.forEach(slice -> changed(ObjectKey.of(slice), null, slice));
  }

  /// @param service null if it is gone
  void changed(ObjectKey key, @Nullable Service service) {
    if (service == null) {
      services.remove(key);
    } else {
      services.put(key, service);
    }
    changed.add(key);
  }

  /// @param before null if it is new
  /// @param after null if it is gone
  void changed(ObjectKey key, @Nullable EndpointSlice before, @Nullable EndpointSlice after) {
    ObjectKey from = before == null ? null : owner(before);
    ObjectKey to = after == null ? null : owner(after);
    if (from != null) {
      Map<ObjectKey, EndpointSlice> siblings = slices.get(from);
      if (siblings != null && siblings.remove(key) != null && siblings.isEmpty()) {
        slices.remove(from);
      }
      changed.add(from);
    }
    if (to != null && after != null) {
      slices.computeIfAbsent(to, k -> new HashMap<>()).put(key, after);
      changed.add(to);
    }
  }

  /// The rules of all Services as known now.
  Map<IpFamily, RuleSet> desired() {
    for (ObjectKey key : changed) {
      Service service = services.get(key);
      if (service == null) {
        rules.remove(key);
      } else {
        rules.put(key, reader.read(service, slices.getOrDefault(key, Map.of()).values()));
      }
    }
    changed.clear();
    return RuleSet.combine(rules, problems);
  }

  private static @Nullable ObjectKey owner(EndpointSlice slice) {
    Map<String, String> labels = slice.getMetadata().getLabels();
    String name = labels == null ? null : labels.get(SERVICE_NAME);
    return name == null ? null : new ObjectKey(slice.getMetadata().getNamespace(), name);
  }
}
