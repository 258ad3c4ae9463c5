// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet;

import dev.fairway.linux.KernelException;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.net.Bypass;
import dev.fairway.net.IpAddress;
import dev.fairway.net.PodGate;
import dev.fairway.net.Prefix;
import dev.fairway.podnet.attach.PodWire;
import dev.fairway.podnet.attach.StepObserver;
import dev.fairway.podnet.attach.Undo;
import dev.fairway.podnet.attach.Wire;
import dev.fairway.podnet.calls.RememberedCalls;
import dev.fairway.podnet.cni.CniServer;
import dev.fairway.podnet.delegate.Delegate;
import dev.fairway.podnet.fastpath.FastPath;
import dev.fairway.podnet.forwarding.ForwardingStep;
import dev.fairway.podnet.guard.Guard;
import dev.fairway.podnet.guard.SpoofingPermits;
import dev.fairway.podnet.hostport.HostPorts;
import dev.fairway.podnet.ipam.AddressBook;
import dev.fairway.podnet.masquerade.Masquerade;
import dev.fairway.podnet.masquerade.MasqueradeRules;
import dev.fairway.podnet.multicast.Multicast;
import dev.fairway.podnet.nodes.ClusterNode;
import dev.fairway.podnet.nodes.ClusterNodes;
import dev.fairway.podnet.nodes.KnownNodes;
import dev.fairway.podnet.nodes.Underlay;
import dev.fairway.podnet.pools.BlockRanges;
import dev.fairway.podnet.pools.PoolAddresses;
import dev.fairway.podnet.settings.InvalidSettings;
import dev.fairway.podnet.settings.PodNetworkSettings;
import dev.fairway.podnet.status.NodeStatus;
import dev.fairway.podnet.status.StatusServer;
import dev.fairway.reconcile.ClusterImage;
import dev.fairway.reconcile.Delta;
import dev.fairway.reconcile.ObjectKey;
import dev.fairway.reconcile.Subscriber;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The pod network of one node.
///
/// Give it every change of the Node objects, as a [Subscriber] of them or by [#nodes]. The runtime
/// finds its configuration only once pods can be connected. Closing stops the agent, not the
/// network: pods keep talking, and the next agent finds everything in place.
public final class PodNetwork implements Subscriber, AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(PodNetwork.class);

  /// How often the kernel is looked at without being asked, for what others changed in it.
  private static final Duration RESYNC = Duration.ofSeconds(10);

  /// How often peers in WireGuard are looked at that have not answered, and how many times.
  private static final Duration HANDSHAKE_LOOK = Duration.ofMillis(200);

  private static final int MOST_HANDSHAKE_LOOKS = 50;

  /// What the names of the machine's ends of pods' links begin with.
  public static final String LINK_PREFIX = Wire.HOST_PREFIX;

  /// Where the settings of a cluster's pod network are: in the key `podnet.yaml` of this ConfigMap,
  /// for every node the same. Without it, those count that the process was started with.
  public static final ObjectKey SETTINGS = LiveSettings.OBJECT;

  /// Where one node's agent stands: what cannot change while it runs, and what it begins with.
  ///
  /// @param nodeName of this node's object
  /// @param nodeAddress of this machine on the underlay; that of the other family is found there
  /// @param underlay name of the link to the other machines, `eth0`
  /// @param settings that count until the cluster has others
  /// @param socket where the agent listens for the CNI executable; at most 107 bytes
  /// @param binDir where the runtime looks for CNI executables
  /// @param confDir where the runtime looks for network configurations
  /// @param stateDir what must outlive the process
  public record Config(
      String nodeName,
      IpAddress nodeAddress,
      String underlay,
      PodNetworkSettings settings,
      Path socket,
      Path binDir,
      Path confDir,
      Path stateDir) {
    public Config {
      if (socket.toString().length() > 107) {
        throw new IllegalArgumentException("the socket path " + socket + " is over 107 bytes");
      }
    }
  }

  /// Tells the other nodes, by annotations of this node's object, how to reach this one.
  @FunctionalInterface
  public interface Announcer {
    void announce(String nodeName, Map<String, String> annotations);

    /// Tells people, by an event of this node's object, what somebody has to put right.
    default void warn(String nodeName, String reason, String message) {}
  }

  private final Config config;
  private final NetworkNamespace machine;
  private final Announcer announcer;
  private final LiveSettings settings;
  private final AddressBook book;
  private final @Nullable PoolAddresses pools;
  private final PodWire wires;
  private final HostPorts hostPorts;
  private final Attachments attachments;
  private final NodeForwarding forwarding;
  private final Masquerade masquerade;
  private final FastPath fastPath;
  private final Guard guard;
  private final @Nullable SpoofingPermits permits;
  private final Multicast multicast;
  private final CniServer server;
  private final StatusView view;
  private final StatusServer statusServer;
  private final ScheduledExecutorService clock =
      Executors.newSingleThreadScheduledExecutor(
          Thread.ofPlatform().name("podnet-resync").daemon(true).factory());
  private BackendMix backends;
  private Collection<Node> objects = List.of();
  private final KnownNodes known = new KnownNodes();
  private ClusterNodes nodes = ClusterNodes.NONE;
  private List<String> problems = List.of();
  private final LastingProblems lasting = new LastingProblems();
  private int handshakeLooks;
  private volatile boolean ready;

  private PodNetwork(
      Config config,
      NetworkNamespace machine,
      Announcer announcer,
      @Nullable KubernetesClient client,
      PodGate gate,
      StepObserver steps)
      throws IOException {
    this.config = config;
    this.machine = machine;
    this.announcer = announcer;
    try (Undo opened = new Undo()) {
      opened.add("take the machine's namespace", machine::close);
      opened.add("start the clock", clock::shutdownNow);
      settings = LiveSettings.begin(config.settings(), config.stateDir().resolve("podnet.yaml"));
      PodNetworkSettings first = settings.current();
      ForwardingSysctls.write(machine, config.underlay(), first.families());
      CniFiles.installExecutable(config.binDir());
      book = keep(opened, AddressBook.open(config.stateDir().resolve("pod-addresses")));
      pools =
          client == null
              ? null
              : PoolAddresses.of(client, config.nodeName(), book, this::rangesChanged);
      if (pools != null) {
        opened.add("follow pools", pools::close);
      }
      wires = keep(opened, new PodWire(machine));
      hostPorts = keep(opened, new HostPorts(machine));
      attachments =
          new Attachments(
              pools == null ? book : pools,
              book,
              wires,
              RememberedCalls.open(config.stateDir().resolve("calls")),
              hostPorts,
              new Delegate(machine),
              gate,
              steps);
      fastPath =
          keep(
              opened,
              new FastPath(
                  machine, new FastPath.Mode(first.fastPath()), !gate.equals(PodGate.OPEN)));
      Path kept = config.stateDir().resolve("spoofing-permits");
      guard = keep(opened, new Guard(machine, first.antiSpoofing(), SpoofingPermits.kept(kept)));
      permits = client == null ? null : new SpoofingPermits(client, config.nodeName(), guard, kept);
      if (permits != null) {
        opened.add("follow permits", permits::close);
      }
      multicast = keep(opened, new Multicast(machine, this::settleSoon));
      multicast.set(first.multicast());
      wires.watch(List.of(guard, fastPath, multicast));
      forwarding =
          new NodeForwarding(
              machine,
              config.underlay(),
              config.nodeAddress(),
              config.stateDir(),
              runDirectory(config),
              client == null
                  ? name -> Optional.empty()
                  : new PeerPasswords(client, this::settleSoon),
              this::settleSoon);
      opened.add("forward", forwarding::close);
      backends = new BackendMix(first, forwarding);
      masquerade = keep(opened, new Masquerade(machine));
      attachments.collect();
      server = keep(opened, CniServer.start(config.socket(), attachments));
      view = new StatusView(config, machine, forwarding, book, pools, fastPath, guard, multicast);
      statusServer =
          StatusServer.start(config.socket().resolveSibling(StatusServer.SOCKET), this::status);
      opened.add("serve the status", statusServer::close);
      long period = RESYNC.toMillis();
      clock.scheduleWithFixedDelay(this::resync, period, period, TimeUnit.MILLISECONDS);
      if (pools != null) {
        pools.begin();
      }
      opened.commit();
    }
  }

  /// What is open is closed again where a later step fails.
  private static <T extends AutoCloseable> T keep(Undo opened, T part) {
    opened.add("open " + part.getClass().getSimpleName(), part::close);
    return part;
  }

  /// Starts the agent in the namespace of this process, announcing itself by the client.
  ///
  /// @throws IOException if a file or socket cannot be made; the message names it
  /// @throws KernelException if the kernel refuses
  public static PodNetwork start(Config config, KubernetesClient client) throws IOException {
    return start(config, NetworkNamespace.current(), client, PodGate.OPEN);
  }

  /// Starts the agent of a machine, announcing itself by the client.
  ///
  /// @param machine the namespace pods are connected to; the agent closes it
  /// @param gate lets pods in; the fast path begins only when [#bypass] is told who must not take
  ///   it, unless this is [PodGate#OPEN]
  public static PodNetwork start(
      Config config, NetworkNamespace machine, KubernetesClient client, PodGate gate)
      throws IOException {
    return new PodNetwork(config, machine, new ClientAnnouncer(client), client, gate, step -> {});
  }

  /// Starts the agent for any machine, with or without a cluster; there are no address pools then.
  ///
  /// @param machine the namespace pods are connected to; the agent closes it
  public static PodNetwork start(Config config, NetworkNamespace machine, Announcer announcer)
      throws IOException {
    return start(config, machine, announcer, step -> {});
  }

  static PodNetwork start(
      Config config, NetworkNamespace machine, Announcer announcer, StepObserver steps)
      throws IOException {
    return start(config, machine, announcer, PodGate.OPEN, steps);
  }

  static PodNetwork start(
      Config config,
      NetworkNamespace machine,
      Announcer announcer,
      PodGate gate,
      StepObserver steps)
      throws IOException {
    return new PodNetwork(config, machine, announcer, null, gate, steps);
  }

  @Override
  public void changed(Delta delta, ClusterImage image) throws IOException {
    if (delta.touches(ConfigMap.class)) {
      follow(image.get(ConfigMap.class, SETTINGS));
    } else if (!delta.touches(Node.class)) {
      return; // others follow more kinds by the same follower
    }
    nodes(image.all(Node.class));
  }

  /// Settings that cannot be used are refused as a whole; the last good ones go on.
  synchronized void follow(Optional<ConfigMap> object) {
    Optional<String> before = settings.refusal();
    settings.follow(object, wanted -> wanted.checkApart(ownAddresses()));
    Optional<String> refusal = settings.refusal();
    if (refusal.isPresent() && !refusal.equals(before)) {
      LOG.warn("Pod network: {}", refusal.get());
      announcer.warn(config.nodeName(), "InvalidPodNetworkSettings", refusal.get());
    }
    takeSettings();
  }

  private List<IpAddress> ownAddresses() {
    return forwarding.findUnderlay().map(NodeForwarding::addresses).orElse(List.of());
  }

  /// What is wanted from now on, whole. Returns when the kernel is as it wants; open connections
  /// stay.
  ///
  /// @throws KernelException if the kernel refused a part; the rest is done
  public synchronized void set(PodNetworkSettings wanted) throws IOException {
    settings.set(wanted);
    takeSettings();
    nodes(objects);
  }

  private void takeSettings() {
    PodNetworkSettings wanted = settings.current();
    if (wanted.equals(backends.settings())) {
      return;
    }
    LOG.info("Pod network: new settings, backend {} for {}", wanted.backend(), wanted.podRanges());
    ForwardingSysctls.write(machine, config.underlay(), wanted.families());
    fastPath.set(new FastPath.Mode(wanted.fastPath()));
    guard.set(wanted.antiSpoofing());
    multicast.set(wanted.multicast());
    // Last, so that all of it is done again where a part of it failed.
    backends = new BackendMix(wanted, forwarding);
  }

  /// The Node objects from now on. Returns when the kernel is as they want it.
  ///
  /// @throws KernelException if the kernel refused a part; the rest is done
  public synchronized void nodes(Collection<Node> all) throws IOException {
    objects = List.copyOf(all);
    if (pools != null) {
      pools.nodes(objects);
    }
    settle();
  }

  private BlockRanges blocks() {
    return pools == null ? BlockRanges.NONE : pools.ranges();
  }

  private synchronized void rangesChanged() {
    try {
      settle();
    } catch (IOException | RuntimeException e) {
      LOG.warn("Pod network: changed ranges are tried again soon: {}", e.toString());
    }
  }

  /// The way of packets past the stack.
  public Bypass bypass() {
    return fastPath;
  }

  /// Whether pods can be connected, and the runtime knows.
  public boolean ready() {
    return ready;
  }

  /// What keeps pods of some nodes from being reached, or this one from being ready.
  public synchronized List<String> problems() {
    return problems;
  }

  /// What would be changed in the kernel now, without changing it.
  public synchronized List<ForwardingStep> plan() {
    Underlay underlay = forwarding.underlay();
    return nodes
        .me()
        .map(me -> forwarding.plan(backends.desired(me, nodes.others(), underlay), underlay))
        .orElse(List.of());
  }

  /// What this node wants and what it finds, compared.
  public synchronized NodeStatus status() {
    return view.status(backends, nodes, problems, ready);
  }

  /// What an agent would change in the kernel of a machine, without starting one.
  public static List<ForwardingStep> plan(
      Config config, NetworkNamespace machine, Collection<Node> all) {
    try (NodeForwarding forwarding =
        new NodeForwarding(
            machine,
            config.underlay(),
            config.nodeAddress(),
            config.stateDir(),
            runDirectory(config),
            name -> Optional.empty(),
            () -> {})) {
      Underlay underlay = forwarding.underlay();
      ClusterNodes nodes =
          ClusterNodes.of(
              all,
              config.nodeName(),
              NodeForwarding.addresses(underlay),
              config.settings().podRanges(),
              name -> List.of());
      BackendMix backends = new BackendMix(config.settings(), forwarding);
      return nodes
          .me()
          .map(me -> forwarding.plan(backends.desired(me, nodes.others(), underlay), underlay))
          .orElse(List.of());
    }
  }

  private void settle() throws IOException {
    Underlay underlay = forwarding.underlay();
    nodes = read(objects, underlay);
    List<String> found = new ArrayList<>(nodes.problems());
    settings.refusal().ifPresent(found::add);
    List<IpAddress> mine = NodeForwarding.addresses(underlay);
    try {
      backends.settings().checkApart(mine);
    } catch (InvalidSettings e) {
      found.add("the settings this agent was started with: " + e.getMessage());
    }
    nodes.me().ifPresent(me -> found.addAll(backends.problems(me, nodes.others(), underlay)));
    if (pools != null) {
      pools.taken(backends.settings().serviceRanges(), mine);
      forwarding.poolRanges(pools.poolRanges());
      found.addAll(pools.problems());
    }
    problems = List.copyOf(found);
    Optional<ClusterNode> known = nodes.me();
    if (known.isEmpty()) {
      return;
    }
    ClusterNode me = known.get();
    List<Prefix> singles = blocks().singles(me.name()).stream().map(IpAddress::toPrefix).toList();
    Stages stages = new Stages();
    stages.run(() -> {
      // What is refused here is one node's or one neighbour's matter, so all others go on.
      Optional<Exception> refused =
          forwarding.settle(backends, me, nodes.others(), underlay, singles);
      refused.ifPresent(stages::add);
      becomeReady(me, underlay);
      Map<String, String> announcement =
          new HashMap<>(backends.announcement(me, nodes.others(), underlay));
      announcement.putAll(multicast.announcement(nodes.myAnnotations()));
      if (!nodes.myAnnotations().entrySet().containsAll(announcement.entrySet())) {
        announcer.announce(config.nodeName(), announcement);
      }
    });
    stages.run(() -> masquerade.set(masqueradeRules(me)));
    stages.run(() -> multicast.nodes(me, nodes.others(), objects));
    found.addAll(forwarding.bgp().problems());
    problems = List.copyOf(found);
    awaitHandshakes();
    stages.end();
  }

  /// Peers agree on keys within milliseconds of the moment when both know of each other, and nobody
  /// tells.
  private void awaitHandshakes() {
    if (!forwarding.wireGuard().waits()) {
      handshakeLooks = 0;
    } else if (handshakeLooks++ < MOST_HANDSHAKE_LOOKS && !clock.isShutdown()) {
      clock.schedule(this::settleSoon, HANDSHAKE_LOOK.toMillis(), TimeUnit.MILLISECONDS);
    }
  }

  private static Path runDirectory(Config config) {
    return config.socket().toAbsolutePath().getParent();
  }

  private ClusterNodes read(Collection<Node> all, Underlay underlay) {
    BlockRanges blocks = blocks();
    String me = config.nodeName();
    return known.read(
        all,
        me,
        NodeForwarding.addresses(underlay),
        backends.settings().podRanges(),
        name -> name.equals(me) ? blocks.blocks(me) : blocks.reachedAt(name));
  }

  private MasqueradeRules masqueradeRules(ClusterNode me) {
    PodNetworkSettings wanted = backends.settings();
    List<Prefix> mine = new ArrayList<>();
    if (wanted.masquerade().enabled()) {
      mine.addAll(me.ranges());
      blocks().singles(me.name()).forEach(address -> mine.add(address.toPrefix()));
    }
    List<Prefix> spared = new ArrayList<>(wanted.podRanges());
    if (pools != null) {
      pools.poolRanges().stream()
          .filter(range -> wanted.podRanges().stream().noneMatch(all -> all.contains(range)))
          .forEach(spared::add);
    }
    spared.addAll(wanted.masquerade().except());
    return new MasqueradeRules(mine, spared, ClusterNodes.machines(me, nodes.others(), objects));
  }

  private void becomeReady(ClusterNode me, Underlay underlay) throws IOException {
    List<Prefix> own = new ArrayList<>(me.ranges());
    own.removeAll(blocks().blocks(me.name()));
    book.ranges(own);
    if (pools != null && !pools.known()) {
      return; // a pod might be meant for a pool
    }
    attachments.settings(new Attachments.Settings(backends.podMtu(underlay)));
    if (!ready) {
      attachments.collect(); // again, now that reserved addresses have a range to be in
      CniFiles.writeConfiguration(config.confDir(), config.socket());
      ready = true;
      LOG.info(
          "Pod network ready: {} by {}, MTU {}",
          me.ranges(),
          backends.settings().backend(),
          backends.podMtu(underlay));
    }
  }

  private void settleSoon() {
    try {
      clock.execute(() -> {
        try {
          synchronized (this) {
            settle();
          }
        } catch (IOException | RuntimeException e) {
          LOG.warn("Pod network: {}; it is tried again soon", e.toString());
        }
      });
    } catch (RejectedExecutionException e) {
      LOG.debug("Pod network: ending; this is for the next agent");
    }
  }

  private void resync() {
    Stages stages = new Stages();
    stages.run(() -> {
      synchronized (this) {
        forwarding.doubt();
        settle();
      }
    });
    stages.run(this::sayWhatLasts);
    stages.run(server::catchUp);
    stages.run(forwarding.bgp()::check);
    stages.run(fastPath::resync);
    stages.run(guard::resync);
    stages.run(multicast::resync);
    stages.run(attachments::collect);
    if (pools != null) {
      stages.run(pools::upkeep);
    }
    stages
        .failure()
        .ifPresent(e -> LOG.warn("Pod network: looking after the kernel failed: {}", e.toString()));
    attachments.trouble(stages.failure().map(Exception::toString).orElse(""));
  }

  private synchronized void sayWhatLasts() {
    lasting.look(problems);
  }

  @Override
  public void close() throws IOException {
    clock.shutdownNow();
    server.close();
    statusServer.close();
    if (pools != null) {
      pools.close();
    }
    if (permits != null) {
      permits.close();
    }
    try {
      if (!clock.awaitTermination(5, TimeUnit.SECONDS)) {
        LOG.warn("The pod network's resync is still under way");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    synchronized (this) {
      fastPath.close();
      guard.close();
      multicast.close();
      wires.close();
      hostPorts.close();
      forwarding.close();
      masquerade.close();
      book.close();
      machine.close();
    }
  }
}
