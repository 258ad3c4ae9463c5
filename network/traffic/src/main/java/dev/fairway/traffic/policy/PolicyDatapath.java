// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.policy;

import dev.fairway.linux.KernelException;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.nft.NfTables;
import dev.fairway.linux.nft.NftRequest;
import dev.fairway.linux.nft.NftTable;
import dev.fairway.linux.nft.NftWatch;
import dev.fairway.net.Bypass;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.PodGate;
import dev.fairway.net.Protocol;
import dev.fairway.reconcile.ClusterFollower;
import dev.fairway.reconcile.ClusterImage;
import dev.fairway.reconcile.Delta;
import dev.fairway.reconcile.ObjectKey;
import dev.fairway.reconcile.Subscriber;
import io.fabric8.kubernetes.api.model.Namespace;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.networking.v1.NetworkPolicy;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Keeps the policies of a node's pods in nf_tables.
///
/// The first load replaces whatever an earlier agent left, in one transaction. Later ones change
/// only what differs. Somebody else's change of nf_tables is noticed by the kernel's generation
/// number, at the latest after [#CHECK]; if it changed what is ours, everything is loaded anew.
public final class PolicyDatapath implements Subscriber, PodGate, AutoCloseable {
  /// How often the kernel is asked whether somebody else changed something.
  public static final Duration CHECK = Duration.ofSeconds(1);

  private static final Logger LOG = LoggerFactory.getLogger(PolicyDatapath.class);
  private static final int ATTEMPTS = 5;

  /// How long a pod waits for its own object before it is connected without being let to talk.
  private static final Duration PATIENCE = Duration.ofSeconds(2);

  /// How long NetworkPolicies wait for what is said of the cluster as a whole.
  private static final Duration PATIENCE_WITH_CLUSTER = Duration.ofSeconds(10);

  private final NfTables tables;
  private final NftWatch watch;
  private final Connections connections;
  private final PolicyIndex index;
  private final Map<IpFamily, PolicyNft> families = new EnumMap<>(IpFamily.class);
  private final ScheduledExecutorService checker;

  // Guarded by this.
  private Bypass bypass = Bypass.NONE;
  private PolicyRules loaded = PolicyRules.NONE;
  private boolean installed;

  /// Whether namespaces, pods and their policies were told.
  private boolean told;

  /// Whether it was not told yet which cluster policies there are, and somebody will.
  private boolean awaitsCluster;

  /// The same of nodes, which they may mean.
  private boolean awaitsNodes;

  /// When it began to be known, and only that was waited for, by [System#nanoTime].
  private long waitsSince;

  private boolean known;
  private boolean closed;

  /// Whether a quick look may have missed connections, or an earlier owner of a pod's address may
  /// have some open. They are looked for behind the pod's back: to read all connections takes long
  /// where there are many.
  private boolean leftovers;

  private boolean checkPending;

  private PolicyDatapath(PolicyConfig config, NfTables tables, Connections connections) {
    this.tables = tables;
    this.watch = new NftWatch(tables);
    this.connections = connections;
    this.index = index(config);
    for (IpFamily family : IpFamily.values()) {
      families.put(family, new PolicyNft(family, config.podLinks()));
    }
    this.checker =
        Executors.newSingleThreadScheduledExecutor(
            Thread.ofPlatform().daemon(true).name("policy-check").factory());
    checker.scheduleWithFixedDelay(
        this::check, CHECK.toMillis(), CHECK.toMillis(), TimeUnit.MILLISECONDS);
  }

  private static PolicyIndex index(PolicyConfig config) {
    return new PolicyIndex(config.nodeName(), facts(config.served()), LOG::warn);
  }

  static List<PodFacts> facts(List<PolicyConfig.Served> served) {
    return served.stream()
        .map(one ->
            new PodFacts(
                new ObjectKey(one.namespace(), one.name()),
                "",
                "",
                one.labels(),
                one.addresses(),
                List.of()))
        .toList();
  }

  /// For a machine's namespace. Loads nothing before the cluster is known, so what an earlier agent
  /// left keeps working until then.
  public static PolicyDatapath open(PolicyConfig config, NetworkNamespace machine) {
    return new PolicyDatapath(config, NfTables.open(machine), Connections.open(machine));
  }

  /// Pods are kept off this way from now on, as far as they are isolated.
  public synchronized void keepOff(Bypass way) {
    bypass = way;
    if (known) {
      bypass.keepOff(loaded.pods().keySet());
    }
  }

  /// Follows what policies are made of.
  public void subscribe(ClusterFollower.Builder follower) {
    follower
        .follow(NetworkPolicy.class)
        .follow(Namespace.class)
        .follow(Pod.class)
        .subscribe("policy", this);
  }

  @Override
  public synchronized void changed(Delta delta, ClusterImage image) {
    if (delta.full()) {
      set(image.all(Namespace.class), image.all(Pod.class), image.all(NetworkPolicy.class));
      return;
    }
    delta
        .of(Namespace.class)
        .forEach((key, change) -> index.namespaceChanged(key.name(), change.after().orElse(null)));
    delta
        .of(Pod.class)
        .forEach((key, change) -> index.podChanged(key, change.after().orElse(null)));
    delta
        .of(NetworkPolicy.class)
        .forEach((key, change) -> index.policyChanged(key, change.after().orElse(null)));
    load();
  }

  /// Makes this the cluster.
  public synchronized void set(
      Collection<Namespace> namespaces, Collection<Pod> pods, Collection<NetworkPolicy> policies) {
    index.set(namespaces, pods, policies);
    if (!told) {
      told = true;
      waitsSince = System.nanoTime();
    }
    load();
  }

  /// Says that somebody will tell of cluster policies and nodes. Until then nothing is loaded, but
  /// that does not hold up what is known for long.
  synchronized void awaitCluster() {
    awaitsCluster = true;
    awaitsNodes = true;
  }

  /// Makes these all cluster policies there are, and the nodes that they may mean.
  synchronized void setCluster(Collection<ClusterNetworkPolicy> policies, Collection<Node> nodes) {
    index.setNodes(nodes);
    index.setClusterPolicies(policies);
    awaitsCluster = false;
    awaitsNodes = false;
    load();
  }

  /// Brings cluster policies up to date.
  synchronized void clusterPoliciesChanged(Delta delta, ClusterImage image) {
    if (delta.full()) {
      index.setClusterPolicies(image.all(ClusterNetworkPolicy.class));
    } else {
      delta
          .of(ClusterNetworkPolicy.class)
          .forEach(
              (key, change) -> index.clusterPolicyChanged(key.name(), change.after().orElse(null)));
    }
    awaitsCluster = false;
    load();
  }

  /// Brings the nodes that cluster policies may mean up to date.
  synchronized void nodesChanged(Delta delta, ClusterImage image) {
    if (delta.full()) {
      index.setNodes(image.all(Node.class));
    } else {
      delta
          .of(Node.class)
          .forEach((key, change) -> index.nodeChanged(key.name(), change.after().orElse(null)));
    }
    awaitsNodes = false;
    load();
  }

  /// What cannot be read must not keep what can from being enforced.
  private void waitNoLonger() {
    boolean waits = told && (awaitsCluster || awaitsNodes);
    if (waits && System.nanoTime() - waitsSince > PATIENCE_WITH_CLUSTER.toNanos()) {
      LOG.warn(
          "{} not known yet; policies are enforced without",
          awaitsCluster ? "ClusterNetworkPolicy objects are" : "the addresses of nodes are");
      awaitsCluster = false;
      awaitsNodes = false;
      load();
    }
  }

  /// Brings one pod up to date; all else stays as it is.
  public synchronized void change(Pod pod) {
    index.podChanged(ObjectKey.of(pod), pod);
    load();
  }

  @Override
  public synchronized boolean admit(
      String namespace, String name, String uid, List<IpAddress> addresses)
      throws InterruptedException {
    ObjectKey key = new ObjectKey(namespace, name);
    index.admit(key, uid, addresses);
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (!closed && (!known || (index.hasPolicies() && !index.knows(key, uid)))) {
      long left = deadline - System.nanoTime();
      if (left <= 0) {
        break;
      }
      wait(Math.max(1, left / 1_000_000));
    }
    if (!known || closed) {
      return false;
    }
    if (index.hasPolicies() && !index.knows(key, uid)) {
      LOG.warn("Pod {}/{} is not known of yet; it is cut off until it is", namespace, name);
      index.closed(key);
    }
    load(false);
    leftovers = true;
    if (!checkPending && addresses.stream().anyMatch(loaded.pods()::containsKey)) {
      checkPending = true;
      checker.execute(this::check);
    }
    return true;
  }

  @Override
  public synchronized void connected(
      String namespace, String name, String uid, List<IpAddress> addresses) {
    index.admit(new ObjectKey(namespace, name), uid, addresses);
    if (known && !closed) {
      load();
    }
  }

  /// The rules may name the addresses until the next change.
  @Override
  public synchronized void leave(String namespace, String name, List<IpAddress> addresses) {
    index.leave(new ObjectKey(namespace, name), addresses);
  }

  /// How many packets were dropped, by `to/namespace/pod` and `from/namespace/pod` for isolated
  /// pods, and by `by/policy` for a ClusterNetworkPolicy that denies.
  public synchronized Map<String, Long> dropped() {
    Map<String, Long> dropped = new TreeMap<>();
    if (!installed) {
      return dropped;
    }
    for (IpFamily family : IpFamily.values()) {
      tables
          .counters(PolicyNft.table(family))
          .forEach((name, packets) -> dropped.merge(name, packets, Long::sum));
    }
    return dropped;
  }

  /// The rules as they are loaded.
  synchronized PolicyRules rules() {
    return loaded;
  }

  private void load() {
    load(true);
  }

  /// Loads what follows from the index.
  ///
  /// @param cuts whether to end open connections that are not allowed any more
  private void load(boolean cuts) {
    if (!told || awaitsCluster || awaitsNodes) {
      return;
    }
    PolicyRules after = index.refresh();
    known = true;
    notifyAll();
    if (!installed) {
      loadAll(after);
      return;
    }
    List<NftRequest> requests = new ArrayList<>();
    boolean restricts = false;
    for (IpFamily family : IpFamily.values()) {
      PolicyPlan plan = PolicyPlan.between(loaded, after, family);
      requests.addAll(of(family).render(plan, loaded, after));
      restricts |= plan.restricts(after);
    }
    if (requests.isEmpty()) {
      loaded = after;
      return;
    }
    List<Bypass.Begun> begun = divert(after);
    try {
      // Whether what this builds on is still as it was left, the next check says.
      tables.apply(requests);
      settled(after, begun, restricts && cuts);
    } catch (KernelException e) {
      LOG.warn("changing the policy rules failed, loading all anew: {}", e.getMessage());
      loadAll(after);
    }
  }

  /// One transaction takes away what there was and puts the whole in its place.
  private void loadAll(PolicyRules after) {
    long start = System.nanoTime();
    installed = false;
    List<NftRequest> requests = new ArrayList<>();
    for (IpFamily family : IpFamily.values()) {
      requests.addAll(of(family).skeleton());
      PolicyPlan plan = PolicyPlan.between(PolicyRules.NONE, after, family);
      requests.addAll(of(family).render(plan, PolicyRules.NONE, after));
    }
    List<Bypass.Begun> begun = divert(after);
    for (int attempt = 1; !installed; attempt++) {
      long strangers = tables.strangers();
      try {
        tables.applyIf(strangers, requests);
        installed = true;
        watch.left(strangers);
      } catch (KernelException e) {
        if (e.errno() != NfTables.ERESTART || attempt == ATTEMPTS) {
          throw e;
        }
      }
    }
    settled(after, begun, !after.pods().isEmpty());
    if (!after.pods().isEmpty()) {
      LOG.info(
          "loaded the policies of {} isolated addresses in {} ms",
          after.pods().size(),
          (System.nanoTime() - start) / 1_000_000);
    }
  }

  /// Sends what will be judged through the stack, and makes known to it what is allowed of that and
  /// has begun elsewhere.
  private List<Bypass.Begun> divert(PolicyRules after) {
    Set<IpAddress> all = new HashSet<>(loaded.pods().keySet());
    all.addAll(after.pods().keySet());
    bypass.keepOff(all);
    if (loaded.pods().keySet().containsAll(after.pods().keySet())) {
      return List.of(); // those that begin past the stack are of other pods
    }
    List<Bypass.Begun> concerned = new ArrayList<>();
    List<Bypass.Begun> allowed = new ArrayList<>();
    for (Bypass.Begun one : bypass.begun()) {
      IpAddress client = one.client().address();
      IpAddress server = one.server().address();
      if (after.pods().containsKey(client) || after.pods().containsKey(server)) {
        concerned.add(one);
        if (Connections.isAllowed(after, Protocol.TCP.number(), one.client(), one.server())) {
          allowed.add(one);
        }
      }
    }
    connections.makeKnown(allowed);
    return concerned;
  }

  private void settled(PolicyRules after, List<Bypass.Begun> begun, boolean restricts) {
    loaded = after;
    bypass.keepOff(after.pods().keySet());
    if (restricts) {
      leftovers = !connections.cut(after, begun, true);
    }
  }

  private PolicyNft of(IpFamily family) {
    PolicyNft found = families.get(family);
    if (found == null) {
      throw new AssertionError("no rules for " + family);
    }
    return found;
  }

  /// Loads everything anew if somebody else has changed any table of the namespace.
  synchronized void check() {
    checkPending = false;
    try {
      waitNoLonger();
      if (known && !closed && isToBeLoaded()) {
        loadAll(installed ? loaded : index.refresh());
      } else if (leftovers && installed && !loaded.pods().isEmpty()) {
        leftovers = !connections.cut(loaded, List.of(), false);
      }
    } catch (RuntimeException e) {
      LOG.warn("cannot check the policy rules: {}", e.getMessage());
    }
  }

  private boolean isToBeLoaded() {
    if (!installed) {
      return true;
    }
    if (!watch.isDue()) {
      return false;
    }
    List<String> damage;
    try {
      damage = watch.damage(this::whole);
    } catch (RuntimeException e) {
      // Only for the log: what cannot be read is to be loaded all the more.
      damage = List.of(String.valueOf(e.getMessage()));
    }
    if (!damage.isEmpty()) {
      LOG.warn(
          "somebody changed the policy rules: {}; loading them anew", String.join(", ", damage));
    }
    return !damage.isEmpty();
  }

  /// What makes the tables as they are to be.
  private List<NftRequest> whole() {
    List<NftRequest> whole = new ArrayList<>();
    for (IpFamily family : IpFamily.values()) {
      whole.addAll(of(family).skeleton());
      PolicyPlan plan = PolicyPlan.between(PolicyRules.NONE, loaded, family);
      whole.addAll(of(family).render(plan, PolicyRules.NONE, loaded));
    }
    return whole;
  }

  /// Removes all that was ever loaded into a namespace.
  public static void uninstall(NetworkNamespace namespace) {
    try (NfTables tables = NfTables.open(namespace)) {
      List<NftRequest> requests = new ArrayList<>();
      List<NftTable> there = tables.tables();
      for (IpFamily family : IpFamily.values()) {
        if (there.contains(PolicyNft.table(family))) {
          requests.add(new NftRequest.DeleteTable(PolicyNft.table(family)));
        }
      }
      tables.apply(requests);
    }
  }

  /// Stops following; the rules stay in the kernel and keep working.
  @Override
  public void close() {
    synchronized (this) {
      checker.shutdownNow();
      closed = true;
      installed = false;
      notifyAll();
      tables.close();
      connections.close();
    }
  }
}
