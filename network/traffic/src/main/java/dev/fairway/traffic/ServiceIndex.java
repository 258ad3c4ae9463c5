// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic;

import dev.fairway.net.IpFamily;
import dev.fairway.reconcile.ObjectKey;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSlice;
import java.util.Collection;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
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
  private final Map<ObjectKey, ServiceRules> rules = new HashMap<>();
  private final Map<IpFamily, RuleBook> books = new EnumMap<>(IpFamily.class);
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

  /// Makes these the Services and slices there are, and no others.
  void set(Collection<Service> allServices, Collection<EndpointSlice> allSlices) {
    changed.addAll(services.keySet());
    services.clear();
    slices.clear();
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

  /// Reads what has changed.
  ///
  /// @return what leads from the rules at the last call to those of now, by IP family
  Map<IpFamily, Plan> refresh() {
    for (ObjectKey key : changed) {
      Service service = services.get(key);
      ServiceRules before = rules.getOrDefault(key, ServiceRules.NONE);
      ServiceRules after =
          service == null
              ? ServiceRules.NONE
              : reader.read(service, slices.getOrDefault(key, Map.of()).values());
      if (service == null) {
        rules.remove(key);
      } else {
        rules.put(key, after);
      }
      replace(key, before, after);
    }
    changed.clear();
    Map<IpFamily, Plan> plans = new EnumMap<>(IpFamily.class);
    books.forEach((family, book) -> plans.put(family, book.takePlan()));
    return plans;
  }

  private void replace(ObjectKey key, ServiceRules before, ServiceRules after) {
    before
        .targets()
        .forEach((front, target) -> {
          if (!target.equals(after.targets().get(front))) {
            book(front.family()).remove(key, front);
          }
        });
    after
        .targets()
        .forEach((front, target) -> {
          if (!target.equals(before.targets().get(front))) {
            book(front.family()).add(key, front, target);
          }
        });
    after.addresses().forEach(address -> book(address.family()).refused().add(address));
    before.addresses().forEach(address -> book(address.family()).refused().remove(address));
    after.localEndpoints().forEach(address -> book(address.family()).hairpins().add(address));
    before.localEndpoints().forEach(address -> book(address.family()).hairpins().remove(address));
  }

  private RuleBook book(IpFamily family) {
    return books.computeIfAbsent(family, f -> new RuleBook(problems));
  }

  /// Where a front leads as of the last [#refresh].
  Optional<Target> target(Front front) {
    RuleBook book = books.get(front.family());
    return book == null ? Optional.empty() : book.target(front);
  }

  /// Everything as of the last [#refresh], by IP family; a family without Services may be absent.
  Map<IpFamily, RuleSet> ruleSets() {
    Map<IpFamily, RuleSet> sets = new EnumMap<>(IpFamily.class);
    books.forEach((family, book) -> sets.put(family, book.ruleSet()));
    return sets;
  }

  private static @Nullable ObjectKey owner(EndpointSlice slice) {
    Map<String, String> labels = slice.getMetadata().getLabels();
    String name = labels == null ? null : labels.get(SERVICE_NAME);
    return name == null ? null : new ObjectKey(slice.getMetadata().getNamespace(), name);
  }
}
