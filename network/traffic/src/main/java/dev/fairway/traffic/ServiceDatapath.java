// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic;

import dev.fairway.linux.Conntrack;
import dev.fairway.linux.KernelException;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.nft.NfTables;
import dev.fairway.linux.nft.NftRequest;
import dev.fairway.linux.nft.NftTable;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Protocol;
import dev.fairway.reconcile.ClusterFollower;
import dev.fairway.reconcile.ClusterImage;
import dev.fairway.reconcile.Delta;
import dev.fairway.reconcile.ObjectKey;
import dev.fairway.reconcile.Subscriber;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSlice;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Keeps the Services of a node in nf_tables.
///
/// ```java
/// var services = ServiceDatapath.open(config);
/// services.subscribe(follower);      // a ClusterFollower.Builder
/// …
/// services.close();                  // the rules stay and keep working
/// ```
///
/// The first load replaces whatever an earlier agent left, in one transaction. Later ones change
/// only what differs. Somebody else's change of nf_tables is noticed by the kernel's generation
/// number, at the latest after [#CHECK]; then everything is loaded anew.
public final class ServiceDatapath implements Subscriber, AutoCloseable {
  /// How often the kernel is asked whether somebody else changed something. The question costs some
  /// microseconds.
  public static final Duration CHECK = Duration.ofSeconds(5);

  private static final Logger LOG = LoggerFactory.getLogger(ServiceDatapath.class);
  private static final int ATTEMPTS = 5;

  private final NfTables tables;
  private final Conntrack conntrack;
  private final ServiceIndex index;
  private final Map<IpFamily, NftRules> rules = new EnumMap<>(IpFamily.class);
  private final ScheduledExecutorService checker;

  /// The families that have a table.
  private final Set<IpFamily> loaded = EnumSet.noneOf(IpFamily.class);

  private boolean installed;

  /// Whether the cluster's Services are known, so that a load that failed is worth another try.
  private boolean known;

  /// What the kernel said of others' changes when the rules were last as wanted.
  private long strangers;

  private ServiceDatapath(ServicesConfig config, NfTables tables, Conntrack conntrack) {
    this.tables = tables;
    this.conntrack = conntrack;
    this.index = new ServiceIndex(config, LOG::warn);
    for (IpFamily family : IpFamily.values()) {
      rules.put(family, new NftRules(family, config.podPrefixes()));
    }
    this.checker =
        Executors.newSingleThreadScheduledExecutor(
            Thread.ofPlatform().daemon(true).name("services-check").factory());
    checker.scheduleWithFixedDelay(
        this::check, CHECK.toMillis(), CHECK.toMillis(), TimeUnit.MILLISECONDS);
  }

  /// For the namespace that this process runs in. Loads nothing before the cluster is known, so
  /// what an earlier agent left keeps working until then.
  public static ServiceDatapath open(ServicesConfig config) {
    return new ServiceDatapath(config, NfTables.open(), Conntrack.open());
  }

  /// For another namespace.
  public static ServiceDatapath open(ServicesConfig config, NetworkNamespace namespace) {
    return new ServiceDatapath(config, NfTables.open(namespace), Conntrack.open(namespace));
  }

  /// Follows the Services and EndpointSlices of a cluster.
  public void subscribe(ClusterFollower.Builder follower) {
    follower.follow(Service.class).follow(EndpointSlice.class).subscribe("services", this);
  }

  @Override
  public synchronized void changed(Delta delta, ClusterImage image) {
    if (!delta.touches(Service.class) && !delta.touches(EndpointSlice.class)) {
      return;
    }
    if (delta.full()) {
      set(image.all(Service.class), image.all(EndpointSlice.class));
      return;
    }
    delta
        .of(Service.class)
        .forEach((key, change) -> index.changed(key, change.after().orElse(null)));
    delta
        .of(EndpointSlice.class)
        .forEach((key, change) ->
            index.changed(key, change.before().orElse(null), change.after().orElse(null)));
    load(index.refresh());
  }

  /// Makes these the Services of the node, and no others.
  public synchronized void set(Collection<Service> services, Collection<EndpointSlice> slices) {
    index.set(services, slices);
    load(index.refresh());
  }

  /// Brings one Service and its slices up to date; the others stay as they are.
  public synchronized void change(Service service, EndpointSlice before, EndpointSlice after) {
    index.changed(ObjectKey.of(service), service);
    index.changed(ObjectKey.of(after), before, after);
    load(index.refresh());
  }

  /// What the Services of one IP family are, as far as known.
  public synchronized Optional<RuleSet> rules(IpFamily family) {
    return Optional.ofNullable(index.ruleSets().get(family));
  }

  private void load(Map<IpFamily, Plan> plans) {
    if (!installed) {
      loadAll();
      return;
    }
    List<NftRequest> requests = new ArrayList<>();
    plans.forEach((family, plan) -> {
      if (!plan.isEmpty()) {
        if (!loaded.contains(family)) {
          requests.addAll(of(family).skeleton());
        }
        requests.addAll(of(family).render(plan));
      }
    });
    if (requests.isEmpty()) {
      return;
    }
    try {
      tables.applyIf(strangers, requests);
      plans.forEach((family, plan) -> {
        if (!plan.isEmpty()) {
          loaded.add(family);
        }
        forget(family, plan.staleFronts());
      });
    } catch (KernelException e) {
      if (e.errno() != NfTables.ERESTART) {
        LOG.warn("changing the Service rules failed, loading all anew: {}", e.getMessage());
      }
      loadAll();
    }
  }

  /// One transaction takes away what there was and puts the whole in its place. IPv4 always has a
  /// table; IPv6 gets one with its first Service, and keeps it.
  private void loadAll() {
    long start = System.nanoTime();
    known = true;
    installed = false;
    Map<IpFamily, RuleSet> all = index.ruleSets();
    loaded.addAll(all.keySet());
    loaded.add(IpFamily.IPV4);
    List<NftTable> leftBehind = tables.tables();
    for (IpFamily family : IpFamily.values()) {
      if (leftBehind.contains(NftRules.table(family))) {
        loaded.add(family);
      }
    }
    List<NftRequest> requests = new ArrayList<>();
    for (IpFamily family : loaded) {
      RuleSet ruleSet = all.getOrDefault(family, RuleSet.EMPTY);
      requests.addAll(of(family).skeleton());
      requests.addAll(of(family).render(Plan.between(RuleSet.EMPTY, ruleSet)));
    }
    for (int attempt = 1; !installed; attempt++) {
      strangers = tables.strangers();
      try {
        tables.applyIf(strangers, requests);
        installed = true;
      } catch (KernelException e) {
        if (e.errno() != NfTables.ERESTART || attempt == ATTEMPTS) {
          throw e;
        }
      }
    }
    all.forEach((family, ruleSet) -> {
      Set<Front> datagrams = new HashSet<>(ruleSet.targets().keySet());
      datagrams.removeIf(front -> front.protocol() != Protocol.UDP);
      forget(family, datagrams);
    });
    int fronts = all.values().stream().mapToInt(ruleSet -> ruleSet.targets().size()).sum();
    LOG.info(
        "loaded the rules of {} Service ports in {} ms",
        fronts,
        (System.nanoTime() - start) / 1_000_000);
  }

  /// Forgets the UDP flows to these fronts whose endpoint is none of theirs any more. Not being
  /// able to costs only those flows some seconds of silence.
  private void forget(IpFamily family, Set<Front> fronts) {
    if (fronts.isEmpty()) {
      return;
    }
    try {
      conntrack.deleteIf(family, flow -> isStale(flow, fronts));
    } catch (KernelException e) {
      LOG.warn("cannot forget UDP flows to endpoints that are gone: {}", e.getMessage());
    }
  }

  private boolean isStale(Conntrack.Flow flow, Set<Front> fronts) {
    if (flow.protocol() != Protocol.UDP.number() || flow.server().equals(flow.answerFrom())) {
      return false;
    }
    Front front = new Front(flow.server().address(), Protocol.UDP, flow.server().port());
    return fronts.contains(front)
        && index
            .target(front)
            .map(target -> !target.endpoints().contains(flow.answerFrom()))
            .orElse(true);
  }

  private NftRules of(IpFamily family) {
    NftRules found = rules.get(family);
    if (found == null) {
      throw new AssertionError("no rules for " + family);
    }
    return found;
  }

  /// Loads everything anew if somebody else has changed any table of the namespace.
  synchronized void check() {
    try {
      if (known && (!installed || tables.strangers() != strangers)) {
        LOG.info("the Service rules are not as they were left; loading them anew");
        loadAll();
      }
    } catch (RuntimeException e) {
      LOG.warn("cannot check the Service rules: {}", e.getMessage());
    }
  }

  /// Removes all that was ever loaded into a namespace.
  public static void uninstall(NetworkNamespace namespace) {
    try (NfTables tables = NfTables.open(namespace)) {
      List<NftRequest> requests = new ArrayList<>();
      List<NftTable> there = tables.tables();
      for (IpFamily family : IpFamily.values()) {
        NftTable table = NftRules.table(family);
        if (there.contains(table)) {
          requests.add(new NftRequest.DeleteTable(table));
        }
      }
      tables.apply(requests);
    }
  }

  /// Stops following; the rules stay in the kernel and keep working.
  @Override
  public void close() {
    checker.shutdownNow();
    synchronized (this) {
      installed = false;
      tables.close();
      conntrack.close();
    }
  }
}
