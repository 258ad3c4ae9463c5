// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.policy;

import dev.fairway.linux.Conntrack;
import dev.fairway.linux.KernelException;
import dev.fairway.linux.LinkAddress;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.RouteNetlink;
import dev.fairway.linux.nft.NfTables;
import dev.fairway.linux.nft.NftRequest;
import dev.fairway.linux.nft.NftTable;
import dev.fairway.net.Bypass;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.PodGate;
import dev.fairway.net.Protocol;
import dev.fairway.net.TransportAddress;
import dev.fairway.reconcile.ClusterFollower;
import dev.fairway.reconcile.ClusterImage;
import dev.fairway.reconcile.Delta;
import dev.fairway.reconcile.ObjectKey;
import dev.fairway.reconcile.Subscriber;
import io.fabric8.kubernetes.api.model.Namespace;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.networking.v1.NetworkPolicy;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumMap;
import java.util.EnumSet;
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
/// number, at the latest after [#CHECK]; then everything is loaded anew.
public final class PolicyDatapath implements Subscriber, PodGate, AutoCloseable {
  /// How often the kernel is asked whether somebody else changed something.
  public static final Duration CHECK = Duration.ofSeconds(5);

  private static final Logger LOG = LoggerFactory.getLogger(PolicyDatapath.class);
  private static final int ATTEMPTS = 5;

  /// How long a pod waits for its own object before it is connected without being let to talk.
  private static final Duration PATIENCE = Duration.ofSeconds(2);

  /// As long as the kernel keeps an established connection that is silent.
  private static final Duration KEPT = Duration.ofDays(5);

  private final NfTables tables;
  private final Conntrack conntrack;
  private final RouteNetlink netlink;
  private final PolicyIndex index;
  private final Map<IpFamily, PolicyNft> families = new EnumMap<>(IpFamily.class);
  private final ScheduledExecutorService checker;

  // Guarded by this.
  private Bypass bypass = Bypass.NONE;
  private PolicyRules loaded = PolicyRules.NONE;
  private boolean installed;
  private boolean known;
  private boolean closed;

  /// Whether an earlier owner of a pod's address may have connections open. They are looked for
  /// behind the pod's back: to read all connections takes long where there are many.
  private boolean leftovers;

  private boolean checkPending;

  private long strangers;

  private PolicyDatapath(
      PolicyConfig config, NfTables tables, Conntrack conntrack, RouteNetlink netlink) {
    this.tables = tables;
    this.conntrack = conntrack;
    this.netlink = netlink;
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
    return new PolicyDatapath(
        config, NfTables.open(machine), Conntrack.open(machine), RouteNetlink.open(machine));
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
    load();
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

  /// How many packets were dropped, by `to/namespace/pod` and `from/namespace/pod`.
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
      restricts |= plan.restricts();
    }
    if (requests.isEmpty()) {
      loaded = after;
      return;
    }
    List<Bypass.Begun> begun = divert(after);
    try {
      tables.applyIf(strangers, requests);
      settled(after, begun, restricts && cuts);
    } catch (KernelException e) {
      if (e.errno() != NfTables.ERESTART) {
        LOG.warn("changing the policy rules failed, loading all anew: {}", e.getMessage());
      }
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
        if (isAllowed(after, Protocol.TCP.number(), one.client(), one.server())) {
          allowed.add(one);
        }
      }
    }
    makeKnown(allowed);
    return concerned;
  }

  /// Makes connections known to the stack, each with its client as who began it. What the stack has
  /// taken up at an answer is forgotten for that; the next answer may be there before us.
  private void makeKnown(List<Bypass.Begun> connections) {
    List<Bypass.Begun> rest = connections;
    try {
      for (int attempt = 0; attempt < ATTEMPTS && !rest.isEmpty(); attempt++) {
        List<Bypass.Begun> there = new ArrayList<>();
        for (Bypass.Begun one : rest) {
          if (!conntrack.addEstablished(one.client(), one.server(), KEPT)) {
            there.add(one);
          }
        }
        Set<Bypass.Begun> begun = new HashSet<>(there);
        Set<IpFamily> ofFamilies = EnumSet.noneOf(IpFamily.class);
        there.forEach(one -> ofFamilies.add(one.client().address().family()));
        int reversed = 0;
        for (IpFamily family : ofFamilies) {
          reversed +=
              conntrack.deleteIf(
                  family,
                  flow ->
                      flow.protocol() == Protocol.TCP.number()
                          && begun.contains(new Bypass.Begun(flow.answerFrom(), flow.client())));
        }
        rest = reversed == 0 ? List.of() : there;
      }
    } catch (KernelException e) {
      LOG.warn("connections that are allowed may be cut: {}", e.getMessage());
    }
  }

  private void settled(PolicyRules after, List<Bypass.Begun> begun, boolean restricts) {
    loaded = after;
    bypass.keepOff(after.pods().keySet());
    if (restricts) {
      cut(after, begun);
    }
  }

  /// Forgets connections that are not allowed, so that their next packet is judged anew. Not being
  /// able to leaves them until the next check.
  private void cut(PolicyRules rules, List<Bypass.Begun> begun) {
    try {
      Set<IpAddress> own = new HashSet<>();
      for (LinkAddress address : netlink.addresses()) {
        own.add(address.address());
      }
      Set<Bypass.Begun> directions = new HashSet<>(begun);
      int count = 0;
      for (IpFamily family : IpFamily.values()) {
        count += conntrack.deleteIf(family, flow -> isDenied(rules, flow, own, directions));
      }
      if (count > 0) {
        LOG.info("cut {} connections that policies do not allow any more", count);
      }
      leftovers = false;
    } catch (KernelException e) {
      leftovers = true;
      LOG.warn("cannot cut connections that are not allowed any more: {}", e.getMessage());
    }
  }

  private static boolean isDenied(
      PolicyRules rules, Conntrack.Flow flow, Set<IpAddress> own, Set<Bypass.Begun> begun) {
    TransportAddress one = flow.client();
    TransportAddress other = flow.answerFrom();
    // Taken up by the stack in its middle, at an answer?
    boolean reversed = begun.contains(new Bypass.Begun(other, one));
    TransportAddress client = reversed ? other : one;
    TransportAddress server = reversed ? one : other;
    return !own.contains(client.address()) && !isAllowed(rules, flow.protocol(), client, server);
  }

  private static boolean isAllowed(
      PolicyRules rules, int protocol, TransportAddress client, TransportAddress server) {
    for (Protocol known : Protocol.values()) {
      if (known.number() == protocol) {
        return rules
            .decide(new Packet(client.address(), server.address(), known, server.port()))
            .isEmpty();
      }
    }
    return true;
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
      if (known && !closed && (!installed || tables.strangers() != strangers)) {
        if (!loaded.pods().isEmpty()) {
          LOG.info("the policy rules may not be as they were left; loading them anew");
        }
        loadAll(installed ? loaded : index.refresh());
      } else if (leftovers && installed && !loaded.pods().isEmpty()) {
        cut(loaded, List.of());
      }
    } catch (RuntimeException e) {
      LOG.warn("cannot check the policy rules: {}", e.getMessage());
    }
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
      conntrack.close();
      netlink.close();
    }
  }
}
