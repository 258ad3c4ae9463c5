// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.rules;

import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.TransportAddress;
import dev.fairway.reconcile.ObjectKey;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSlice;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// Keeps what every Service asks for, and reads again only those that a change concerns.
///
/// Not for several threads.
public final class ServiceIndex {
  /// Says which Service a slice belongs to (KEP-752).
  private static final String SERVICE_NAME = "kubernetes.io/service-name";

  private static final int MAX_TOLD = 1000;

  private final Map<ObjectKey, Service> services = new HashMap<>();
  private final Map<ObjectKey, Map<ObjectKey, EndpointSlice>> slices = new HashMap<>();
  private final Map<ObjectKey, ServiceRules> rules = new HashMap<>();
  private final Map<IpFamily, RuleBook> books = new EnumMap<>(IpFamily.class);

  /// Whether what changes is kept for a plan.
  private boolean followed = true;

  /// Of the few Services that have one.
  private final Map<ObjectKey, HealthCheck> healthChecks = new HashMap<>();

  private final Set<ObjectKey> changed = new HashSet<>();
  private final Set<String> told = new HashSet<>();
  private final PodAddresses pods = new PodAddresses();

  /// The addresses that pods got or lost since the last refresh.
  private final Set<IpAddress> moved = new HashSet<>();

  private final ServicesConfig config;
  private final ServiceReader reader;
  private final Consumer<String> problems;

  /// @param problems told once about each thing that cannot be understood
  public ServiceIndex(ServicesConfig config, Consumer<String> problems) {
    this.problems =
        problem -> {
          synchronized (told) {
            if (told.size() < MAX_TOLD && told.add(problem)) {
              problems.accept(problem);
            }
          }
        };
    this.config = config;
    this.reader = new ServiceReader(config, this.problems, pods);
  }

  /// Where the node stands: `topology.kubernetes.io/zone`.
  ///
  /// @param zone empty if the node has none
  /// @return whether it stood elsewhere before
  public boolean zone(String zone) {
    boolean other = reader.zone(zone);
    if (other) {
      changed.addAll(services.keySet());
    }
    return other;
  }

  /// What the index was made for.
  public ServicesConfig config() {
    return config;
  }

  /// Every port of every Service as of the last [#refresh].
  public List<BalancedPort> ports() {
    List<BalancedPort> ports = new ArrayList<>();
    rules.values().forEach(one -> ports.addAll(one.ports()));
    return ports;
  }

  /// Where load balancers ask after this node, as of the last [#refresh]; by port.
  public Map<Integer, HealthCheck> healthChecks() {
    Map<Integer, HealthCheck> checks = new TreeMap<>();
    for (HealthCheck check : healthChecks.values()) {
      checks.merge(check.port(), check, this::first);
    }
    return checks;
  }

  private HealthCheck first(HealthCheck one, HealthCheck other) {
    boolean order = name(one).compareTo(name(other)) < 0;
    HealthCheck winner = order ? one : other;
    problems.accept(
        "Service "
            + name(order ? other : one)
            + ": spec.healthCheckNodePort: "
            + one.port()
            + " is that of "
            + name(winner)
            + " already; give one of them another");
    return winner;
  }

  private static String name(HealthCheck check) {
    return check.service().namespace() + "/" + check.service().name();
  }

  /// Whether a flow's answers come from where the rules send its client now.
  ///
  /// @param client who began it
  /// @param front where to
  /// @param answers who answers
  public boolean isRight(IpAddress client, Front front, TransportAddress answers) {
    return target(front)
        .map(target ->
            target instanceof Target.Balanced balanced
                && RuleSet.decide(client, balanced, config) instanceof Decision.Redirected to
                && to.endpoints().contains(answers))
        .orElse(false);
  }

  /// Makes these the Services and slices there are, and no others.
  public void set(Collection<Service> allServices, Collection<EndpointSlice> allSlices) {
    changed.addAll(services.keySet());
    services.clear();
    slices.clear();
    allServices.forEach(service -> changed(ObjectKey.of(service), service));
    allSlices.forEach(slice -> changed(ObjectKey.of(slice), null, slice));
  }

  /// Makes these the pods there are. Where pods are not followed there are none, and no address is
  /// known to be another namespace's.
  public void setPods(Collection<Pod> all) {
    pods.clear();
    changed.addAll(services.keySet());
    all.forEach(pod -> pods.changed(ObjectKey.of(pod), null, pod));
  }

  /// Takes note of a pod.
  ///
  /// @param before null if it is new
  /// @param after null if it is gone
  /// @return whether it matters
  public boolean podChanged(ObjectKey key, @Nullable Pod before, @Nullable Pod after) {
    return moved.addAll(pods.changed(key, before, after));
  }

  /// Takes note of a Service.
  ///
  /// @param service null if it is gone
  public void changed(ObjectKey key, @Nullable Service service) {
    if (service == null) {
      services.remove(key);
    } else {
      services.put(key, service);
    }
    changed.add(key);
  }

  /// Takes note of a slice.
  ///
  /// @param before null if it is new
  /// @param after null if it is gone
  public void changed(
      ObjectKey key, @Nullable EndpointSlice before, @Nullable EndpointSlice after) {
    ObjectKey from = before == null ? null : owner(before).orElse(null);
    ObjectKey to = after == null ? null : owner(after).orElse(null);
    if (from != null) {
      Map<ObjectKey, EndpointSlice> siblings = slices.get(from);
      if (siblings != null && siblings.remove(key) != null && siblings.isEmpty()) {
        slices.remove(from);
      }
      changed.add(from);
    }
    if (to != null && after != null) {
      Map<ObjectKey, EndpointSlice> siblings = slices.get(to);
      if (siblings == null) {
        siblings = HashMap.newHashMap(1);
        slices.put(to, siblings);
      }
      siblings.put(key, after);
      changed.add(to);
    }
  }

  /// Reads what has changed.
  ///
  /// @return what leads from the rules at the last call to those of now, by IP family
  public Map<IpFamily, Plan> refresh() {
    read();
    Map<IpFamily, Plan> plans = new EnumMap<>(IpFamily.class);
    books.forEach((family, book) -> plans.put(family, book.takePlan()));
    return plans;
  }

  /// Reads what has changed, for somebody who then wants [#everything].
  public void refreshAll() {
    follow(false);
    read();
    follow(true);
  }

  /// What leads from nothing to the rules of the last [#refresh] or [#refreshAll], by IP family.
  public Map<IpFamily, Plan> everything() {
    Map<IpFamily, Plan> plans = new EnumMap<>(IpFamily.class);
    books.forEach((family, book) -> plans.put(family, book.everything()));
    return plans;
  }

  /// Has those read again that led to addresses which are somebody else's now, or wanted to.
  private void rereadMoved() {
    if (moved.isEmpty()) {
      return;
    }
    moved.forEach(address -> changed.addAll(pods.forget(address)));
    rules.forEach((key, one) -> {
      if (one.leadsToAny(moved)) {
        changed.add(key);
      }
    });
    moved.clear();
  }

  private void follow(boolean wanted) {
    followed = wanted;
    books.values().forEach(book -> book.follow(wanted));
  }

  private void read() {
    rereadMoved();
    changed.forEach(pods::forget);
    Reading reading = Reading.of(changed, this::read);
    for (int i = 0; i < reading.keys().length; i++) {
      ObjectKey key = reading.keys()[i];
      Service service = services.get(key);
      ServiceRules before = rules.getOrDefault(key, ServiceRules.NONE);
      ServiceRules after = reading.rules()[i];
      if (service == null) {
        rules.remove(key);
      } else {
        rules.put(key, after);
      }
      after
          .healthCheck()
          .ifPresentOrElse(check -> healthChecks.put(key, check), () -> healthChecks.remove(key));
      replace(key, before, after);
    }
    changed.clear();
  }

  private ServiceRules read(ObjectKey key) {
    Service service = services.get(key);
    return service == null
        ? ServiceRules.NONE
        : reader.read(service, slices.getOrDefault(key, Map.of()).values());
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
    return books.computeIfAbsent(family, f -> new RuleBook(problems, followed));
  }

  /// Where a front leads as of the last [#refresh].
  public Optional<Target> target(Front front) {
    RuleBook book = books.get(front.family());
    return book == null ? Optional.empty() : book.target(front);
  }

  /// Every front of a family and where it leads as of the last [#refresh].
  ///
  /// @return how many there are
  public int forEach(IpFamily family, BiConsumer<Front, Target> visitor) {
    RuleBook book = books.get(family);
    return book == null ? 0 : book.forEach(visitor);
  }

  /// As above, of both families.
  public void forEach(BiConsumer<Front, Target> visitor) {
    books.values().forEach(book -> book.forEach(visitor));
  }

  /// Everything as of the last [#refresh], by IP family; a family without Services may be absent.
  public Map<IpFamily, RuleSet> ruleSets() {
    Map<IpFamily, RuleSet> sets = new EnumMap<>(IpFamily.class);
    books.forEach((family, book) -> sets.put(family, book.ruleSet()));
    return sets;
  }

  /// The Service a slice belongs to.
  static Optional<ObjectKey> owner(EndpointSlice slice) {
    Map<String, String> labels = slice.getMetadata().getLabels();
    return Optional.ofNullable(labels == null ? null : labels.get(SERVICE_NAME))
        .map(name -> new ObjectKey(slice.getMetadata().getNamespace(), name));
  }
}
