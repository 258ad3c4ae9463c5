// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic;

import dev.fairway.linux.Conntrack;
import dev.fairway.linux.KernelException;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Protocol;
import dev.fairway.reconcile.Change;
import dev.fairway.reconcile.ClusterFollower;
import dev.fairway.reconcile.ClusterImage;
import dev.fairway.reconcile.Delta;
import dev.fairway.reconcile.ObjectKey;
import dev.fairway.reconcile.Selection;
import dev.fairway.reconcile.Subscriber;
import dev.fairway.traffic.ebpf.EbpfDatapath;
import dev.fairway.traffic.iptables.IptablesDatapath;
import dev.fairway.traffic.nftables.NftablesDatapath;
import dev.fairway.traffic.rules.Front;
import dev.fairway.traffic.rules.Plan;
import dev.fairway.traffic.rules.RuleSet;
import dev.fairway.traffic.rules.ServiceDatapath;
import dev.fairway.traffic.rules.ServiceIndex;
import dev.fairway.traffic.rules.ServicesConfig;
import dev.fairway.traffic.rules.Target;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSlice;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Keeps the Services of a node in the kernel.
///
/// ```java
/// var services = NodeServices.open(config, namespace);
/// services.subscribe(follower);      // a ClusterFollower.Builder
/// …
/// services.close();                  // the rules stay and keep working
/// ```
///
/// The first load replaces whatever an earlier agent left, in one transaction. Later ones change
/// only what differs. Somebody else's change is noticed at the latest after [#CHECK]; then
/// everything is loaded anew.
public final class NodeServices implements Subscriber, AutoCloseable {
  /// How often the kernel is asked whether somebody else changed something. The question costs some
  /// microseconds.
  public static final Duration CHECK = Duration.ofSeconds(1);

  /// How often at most everything is loaded anew only because somebody changed something that may
  /// not be ours.
  private static final Duration CALM = Duration.ofSeconds(10);

  private static final String ZONE = "topology.kubernetes.io/zone";
  private static final Logger LOG = LoggerFactory.getLogger(NodeServices.class);

  private final NetworkNamespace namespace;
  private ServicesConfig.Datapath kind;
  private ServiceDatapath datapath;
  private final Conntrack conntrack;
  private final HealthChecks healthChecks;
  private final ServiceIndex index;
  private final ScheduledExecutorService checker;

  /// Whether the rules were loaded and nothing has failed since.
  private boolean loaded;

  /// When everything was loaded last, by [System#nanoTime].
  private long lastLoad;

  /// Whether the cluster's Services are known, so that a load that failed is worth another try.
  private boolean known;

  /// What an agent before knew, until its flows have been looked at; null before it is asked for.
  private @Nullable Set<Front> earlier;

  /// Whether what an agent before loaded by other means is gone.
  private boolean alone;

  private NodeServices(
      ServicesConfig config,
      NetworkNamespace namespace,
      ServiceDatapath datapath,
      Conntrack conntrack,
      HealthChecks healthChecks) {
    this.namespace = namespace;
    this.kind = config.datapath();
    this.datapath = datapath;
    this.conntrack = conntrack;
    this.healthChecks = healthChecks;
    this.index = new ServiceIndex(config, LOG::warn);
    this.checker =
        Executors.newSingleThreadScheduledExecutor(
            Thread.ofPlatform().daemon(true).name("services-check").factory());
    checker.scheduleWithFixedDelay(
        this::check, CHECK.toMillis(), CHECK.toMillis(), TimeUnit.MILLISECONDS);
  }

  /// For the given namespace. Loads nothing before the cluster is known, so what an earlier agent
  /// left keeps working until then.
  public static NodeServices open(ServicesConfig config, NetworkNamespace namespace) {
    ServiceDatapath datapath = open(config, namespace, config.datapath());
    try {
      return new NodeServices(
          config,
          namespace,
          datapath,
          Conntrack.open(namespace),
          new HealthChecks(namespace, config.nodePortAddresses()));
    } catch (RuntimeException e) {
      datapath.close();
      throw e;
    }
  }

  private static ServiceDatapath open(
      ServicesConfig config, NetworkNamespace namespace, ServicesConfig.Datapath kind) {
    return switch (kind) {
      case NFTABLES -> NftablesDatapath.open(config, namespace);
      case IPTABLES -> IptablesDatapath.open(config, namespace);
      case EBPF -> EbpfDatapath.open(config, namespace);
    };
  }

  /// Carries the rules out by other means from now on. The new rules are there before the old ones
  /// go, and connection tracking keeps what is established.
  ///
  /// @throws RuntimeException if the new ones cannot be loaded; the old ones stay
  public synchronized void use(ServicesConfig.Datapath other) {
    if (other == kind) {
      return;
    }
    ServiceDatapath replacement = open(index.config(), namespace, other);
    if (known) {
      try {
        replacement.load(index);
      } catch (RuntimeException e) {
        try (replacement) {
          clear(replacement, kind);
        } catch (RuntimeException inTheWay) {
          e.addSuppressed(inTheWay);
        }
        throw e;
      }
    }
    datapath.close();
    datapath = replacement;
    kind = other;
    alone = false;
    if (known) {
      LOG.info("the Services are carried out by {} now", other.word());
      settleAlone();
    }
  }

  /// Takes away what one loaded, but for what it has in common with the one that goes on.
  private static void clear(ServiceDatapath old, ServicesConfig.Datapath other) {
    switch (old) {
      case EbpfDatapath sockets when other == ServicesConfig.Datapath.NFTABLES ->
          sockets.removePrograms();
      case NftablesDatapath _ when other == ServicesConfig.Datapath.EBPF -> {}
      default -> old.remove();
    }
  }

  /// Follows the Services and EndpointSlices of a cluster, and this node for its zone.
  public void subscribe(ClusterFollower.Builder follower) {
    follower
        .follow(Service.class)
        .follow(EndpointSlice.class)
        .follow(Node.class, Selection.ofField("metadata.name", index.config().nodeName()))
        .subscribe("services", this);
  }

  @Override
  public synchronized void changed(Delta delta, ClusterImage image) {
    boolean moved = delta.touches(Node.class) && index.zone(zone(image));
    if (!moved && !delta.touches(Service.class) && !delta.touches(EndpointSlice.class)) {
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
    load();
  }

  /// For a follower of all pods: told of them, slices get none of other namespaces' pods as
  /// endpoints.
  public Subscriber pods() {
    return this::podsChanged;
  }

  private synchronized void podsChanged(Delta delta, ClusterImage image) {
    boolean moved = delta.full();
    if (delta.full()) {
      index.setPods(image.all(Pod.class));
    } else {
      for (Map.Entry<ObjectKey, Change<Pod>> of : delta.of(Pod.class).entrySet()) {
        Change<Pod> pod = of.getValue();
        moved |= index.podChanged(of.getKey(), pod.before().orElse(null), pod.after().orElse(null));
      }
    }
    if (moved && known) {
      load();
    }
  }

  private String zone(ClusterImage image) {
    return image
        .get(Node.class, new ObjectKey("", index.config().nodeName()))
        .map(node -> node.getMetadata().getLabels())
        .map(labels -> labels.get(ZONE))
        .orElse("");
  }

  /// Makes these the Services of the node, and no others.
  public synchronized void set(Collection<Service> services, Collection<EndpointSlice> slices) {
    index.set(services, slices);
    load();
  }

  /// Brings one Service and its slices up to date; the others stay as they are.
  public synchronized void change(Service service, EndpointSlice before, EndpointSlice after) {
    index.changed(ObjectKey.of(service), service);
    index.changed(ObjectKey.of(after), before, after);
    load();
  }

  /// Brings one pod up to date.
  ///
  /// @param before null if it is new
  /// @param after null if it is gone
  public synchronized void change(ObjectKey key, @Nullable Pod before, @Nullable Pod after) {
    if (index.podChanged(key, before, after)) {
      load();
    }
  }

  /// What the Services of one IP family are, as far as known.
  public synchronized Optional<RuleSet> rules(IpFamily family) {
    return Optional.ofNullable(index.ruleSets().get(family));
  }

  private void load() {
    if (!loaded) {
      index.refreshAll();
      loadAll();
      return;
    }
    Map<IpFamily, Plan> plans = index.refresh();
    if (plans.values().stream().anyMatch(plan -> !plan.isEmpty())) {
      loaded = false;
      datapath.change(plans, index);
      loaded = true;
      plans.forEach((family, plan) -> forget(family, plan.staleFronts()));
    }
    healthChecks.set(index.healthChecks());
  }

  private void loadAll() {
    long start = System.nanoTime();
    known = true;
    loaded = false;
    healthChecks.working(false);
    // Services may have gone while no agent was there; their flows would go on.
    Set<Front> gone = earlier == null ? earlierFronts() : earlier;
    earlier = gone;
    datapath.load(index);
    loaded = true;
    lastLoad = System.nanoTime();
    healthChecks.working(true);
    settleAlone();
    healthChecks.set(index.healthChecks());
    int fronts = 0;
    for (IpFamily family : IpFamily.values()) {
      Set<Front> datagrams = new HashSet<>();
      gone.stream().filter(front -> front.family() == family).forEach(datagrams::add);
      fronts +=
          index.forEach(
              family,
              (front, target) -> {
                if (front.protocol() == Protocol.UDP && target instanceof Target.Balanced) {
                  datagrams.add(front);
                }
              });
      forget(family, datagrams);
    }
    earlier = Set.of();
    LOG.info(
        "loaded the rules of {} Service ports in {} ms",
        fronts,
        (System.nanoTime() - start) / 1_000_000);
  }

  private Set<Front> earlierFronts() {
    try {
      return datapath.datagramFronts();
    } catch (RuntimeException e) {
      LOG.warn("cannot tell which Services an earlier agent knew: {}", e.getMessage());
      return Set.of();
    }
  }

  /// Takes away what was loaded by other means, by an agent before or by this one. What cannot be
  /// taken away now does no harm but to be of no use, and is tried again.
  private void settleAlone() {
    if (alone) {
      return;
    }
    alone = true;
    for (ServicesConfig.Datapath other : ServicesConfig.Datapath.values()) {
      if (other != kind) {
        try (ServiceDatapath leftBehind = open(index.config(), namespace, other)) {
          clear(leftBehind, kind);
        } catch (RuntimeException e) {
          alone = false;
          LOG.warn(
              "cannot take away the Service rules of {}, trying again: {}",
              other.word(),
              e.getMessage());
        }
      }
    }
  }

  /// Forgets the UDP flows to these fronts that are not answered by an endpoint of theirs. Not
  /// being able to costs only those flows some seconds of silence.
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
    if (flow.protocol() != Protocol.UDP.number()) {
      return false;
    }
    Front front = new Front(flow.server().address(), Protocol.UDP, flow.server().port());
    return fronts.contains(front)
        && !index.isRight(flow.client().address(), front, flow.answerFrom());
  }

  /// Loads everything anew if somebody else has changed it.
  synchronized void check() {
    try {
      if (known && !loaded) {
        loadAll();
      } else if (known && !datapath.isIntact(index)) {
        repair(damage());
      }
      if (loaded) {
        settleAlone();
      }
    } catch (RuntimeException e) {
      LOG.warn("cannot check the Service rules: {}", e.getMessage());
    }
    try {
      healthChecks.repair();
    } catch (RuntimeException e) {
      LOG.warn("cannot check the health checks of Services: {}", e.getMessage());
    }
  }

  private List<String> damage() {
    try {
      return datapath.damage(index);
    } catch (RuntimeException e) {
      // Only for the log: what cannot be read is to be loaded all the more.
      return List.of(String.valueOf(e.getMessage()));
    }
  }

  private void repair(List<String> damage) {
    if (!damage.isEmpty()) {
      LOG.warn(
          "somebody changed the Service rules: {}; loading them anew", String.join(", ", damage));
    } else if (System.nanoTime() - lastLoad < CALM.toNanos()) {
      return;
    }
    loadAll();
  }

  /// Removes all that was ever loaded into a namespace.
  public static void uninstall(NetworkNamespace namespace) {
    uninstall(ServicesConfig.of("nobody", List.of(), List.of()), namespace);
  }

  /// As above, with what is attached to its control group.
  public static void uninstall(NetworkNamespace namespace, Path cgroup) {
    uninstall(ServicesConfig.of("nobody", List.of(), List.of()).withCgroup(cgroup), namespace);
  }

  private static void uninstall(ServicesConfig nobody, NetworkNamespace namespace) {
    for (ServicesConfig.Datapath kind : ServicesConfig.Datapath.values()) {
      try (ServiceDatapath datapath = open(nobody, namespace, kind)) {
        datapath.remove();
      }
    }
  }

  /// Stops following; the rules stay in the kernel and keep working.
  @Override
  public void close() {
    checker.shutdownNow();
    synchronized (this) {
      known = false;
      loaded = false;
      healthChecks.close();
      datapath.close();
      conntrack.close();
    }
  }
}
