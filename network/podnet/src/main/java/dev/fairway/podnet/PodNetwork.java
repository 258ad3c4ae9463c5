// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet;

import dev.fairway.linux.KernelException;
import dev.fairway.linux.Link;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.RouteNetlink;
import dev.fairway.linux.Sysctls;
import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import dev.fairway.podnet.attach.PodWire;
import dev.fairway.podnet.attach.StepObserver;
import dev.fairway.podnet.calls.RememberedCalls;
import dev.fairway.podnet.cni.CniServer;
import dev.fairway.podnet.delegate.Delegate;
import dev.fairway.podnet.fastpath.FastPath;
import dev.fairway.podnet.forwarding.ForwardingPlan;
import dev.fairway.podnet.forwarding.ForwardingState;
import dev.fairway.podnet.forwarding.ForwardingStep;
import dev.fairway.podnet.forwarding.KernelForwarding;
import dev.fairway.podnet.guard.Guard;
import dev.fairway.podnet.hostport.HostPorts;
import dev.fairway.podnet.ipam.AddressBook;
import dev.fairway.podnet.masquerade.Masquerade;
import dev.fairway.podnet.masquerade.MasqueradeRules;
import dev.fairway.podnet.nodes.Backend;
import dev.fairway.podnet.nodes.ClusterNode;
import dev.fairway.podnet.nodes.ClusterNodes;
import dev.fairway.podnet.nodes.Underlay;
import dev.fairway.podnet.pools.BlockRanges;
import dev.fairway.podnet.pools.PoolAddresses;
import dev.fairway.podnet.routes.RoutesBackend;
import dev.fairway.podnet.status.Assessment;
import dev.fairway.podnet.status.Knowledge;
import dev.fairway.podnet.status.NodeStatus;
import dev.fairway.podnet.status.StatusServer;
import dev.fairway.podnet.vxlan.VxlanBackend;
import dev.fairway.reconcile.ClusterImage;
import dev.fairway.reconcile.Delta;
import dev.fairway.reconcile.Subscriber;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.databind.json.JsonMapper;

/// The pod network of one node.
///
/// Give it every change of the Node objects, as a [Subscriber] of them or by [#nodes]. The runtime
/// finds its configuration only once pods can be connected. Closing stops the agent, not the
/// network: pods keep talking, and the next agent finds everything in place.
public final class PodNetwork implements Subscriber, AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(PodNetwork.class);

  /// How often the kernel is looked at without being asked, for what others changed in it.
  private static final Duration RESYNC = Duration.ofSeconds(10);

  /// How packets reach other nodes' pods.
  public enum BackendKind {
    VXLAN,
    ROUTES;

    Backend create() {
      return switch (this) {
        case VXLAN -> new VxlanBackend();
        case ROUTES -> new RoutesBackend();
      };
    }
  }

  /// Where one node's agent stands.
  ///
  /// @param nodeName of this node's object
  /// @param nodeAddress of this machine on the underlay
  /// @param underlay name of the link to the other machines, `eth0`
  /// @param podRange of all pods of the cluster
  /// @param backend how packets reach other nodes
  /// @param socket where the agent listens for the CNI executable; at most 107 bytes
  /// @param binDir where the runtime looks for CNI executables
  /// @param confDir where the runtime looks for network configurations
  /// @param stateDir what must outlive the process
  public record Config(
      String nodeName,
      IpAddress nodeAddress,
      String underlay,
      Prefix podRange,
      BackendKind backend,
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
  }

  private final Config config;
  private final NetworkNamespace machine;
  private final Announcer announcer;
  private final Backend backend;
  private final AddressBook book;
  private final @Nullable PoolAddresses pools;
  private final PodWire wires;
  private final HostPorts hostPorts;
  private final Attachments attachments;
  private final RouteNetlink netlink;
  private final Masquerade masquerade;
  private final FastPath fastPath;
  private final Guard guard;
  private final CniServer server;
  private final StatusServer statusServer;
  private final ScheduledExecutorService clock =
      Executors.newSingleThreadScheduledExecutor(
          Thread.ofPlatform().name("podnet-resync").daemon(true).factory());
  private Collection<Node> objects = List.of();
  private ClusterNodes nodes = ClusterNodes.NONE;
  private List<String> problems = List.of();
  private List<String> lasting = List.of();
  private final Set<String> told = new HashSet<>();
  private volatile boolean ready;

  private PodNetwork(
      Config config,
      NetworkNamespace machine,
      Announcer announcer,
      @Nullable KubernetesClient client,
      StepObserver steps)
      throws IOException {
    this.config = config;
    this.machine = machine;
    this.announcer = announcer;
    this.backend = config.backend().create();
    Sysctls.write(machine, Map.of("net.ipv4.ip_forward", "1"));
    if (Files.isDirectory(Path.of("/proc/sys/net/ipv6"))) {
      Sysctls.write(machine, Map.of("net.ipv6.conf.all.forwarding", "1"));
    }
    CniFiles.installExecutable(config.binDir());
    book = AddressBook.open(config.stateDir().resolve("pod-addresses"));
    pools =
        client == null
            ? null
            : PoolAddresses.of(client, config.nodeName(), book, this::rangesChanged);
    wires = new PodWire(machine);
    hostPorts = new HostPorts(machine);
    attachments =
        new Attachments(
            pools == null ? book : pools,
            book,
            wires,
            RememberedCalls.open(config.stateDir().resolve("calls")),
            hostPorts,
            new Delegate(machine),
            steps);
    fastPath = new FastPath(machine, new FastPath.Mode(true));
    guard = new Guard(machine, true);
    wires.watch(List.of(guard, fastPath));
    netlink = RouteNetlink.open(machine);
    masquerade = new Masquerade(machine);
    attachments.collect();
    server = CniServer.start(config.socket(), attachments);
    statusServer =
        StatusServer.start(config.socket().resolveSibling(StatusServer.SOCKET), this::status);
    long period = RESYNC.toMillis();
    clock.scheduleWithFixedDelay(this::resync, period, period, TimeUnit.MILLISECONDS);
    if (pools != null) {
      pools.begin();
    }
  }

  /// Starts the agent in the namespace of this process, announcing itself by the client.
  ///
  /// @throws IOException if a file or socket cannot be made; the message names it
  /// @throws KernelException if the kernel refuses
  public static PodNetwork start(Config config, KubernetesClient client) throws IOException {
    return start(config, NetworkNamespace.current(), client);
  }

  /// Starts the agent of a machine, announcing itself by the client.
  ///
  /// @param machine the namespace pods are connected to; the agent closes it
  public static PodNetwork start(Config config, NetworkNamespace machine, KubernetesClient client)
      throws IOException {
    JsonMapper json = new JsonMapper();
    return new PodNetwork(
        config,
        machine,
        (name, annotations) ->
            client
                .nodes()
                .withName(name)
                // Its status, as the right to that is less than the right to the whole Node.
                .subresource("status")
                .patch(
                    PatchContext.of(PatchType.JSON_MERGE),
                    json.writeValueAsString(
                        Map.of("metadata", Map.of("annotations", annotations)))),
        client,
        step -> {});
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
    return new PodNetwork(config, machine, announcer, null, steps);
  }

  @Override
  public void changed(Delta delta, ClusterImage image) throws IOException {
    if (delta.touches(Node.class)) {
      nodes(image.all(Node.class));
    }
  }

  /// The Node objects from now on. Returns when the kernel is as they want it.
  ///
  /// @throws KernelException if the kernel refused a part; the rest is done
  public synchronized void nodes(Collection<Node> all) throws IOException {
    objects = List.copyOf(all);
    if (pools != null) {
      pools.nodes(objects);
    }
    readNodes();
    settle();
  }

  private void readNodes() {
    BlockRanges blocks = blocks();
    String me = config.nodeName();
    nodes =
        ClusterNodes.of(
            objects,
            me,
            config.nodeAddress(),
            name -> name.equals(me) ? blocks.blocks(me) : blocks.reachedAt(name));
  }

  private BlockRanges blocks() {
    return pools == null ? BlockRanges.NONE : pools.ranges();
  }

  private synchronized void rangesChanged() {
    try {
      readNodes();
      settle();
    } catch (IOException | RuntimeException e) {
      LOG.warn("Pod network: changed ranges are tried again soon: {}", e.toString());
    }
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
    Optional<ClusterNode> me = nodes.me();
    if (me.isEmpty()) {
      return List.of();
    }
    Underlay underlay = underlay();
    KernelForwarding kernel = new KernelForwarding(netlink, underlay.link());
    ForwardingState desired = backend.desired(me.get(), nodes.others(), underlay);
    return ForwardingPlan.between(kernel.read(), desired);
  }

  /// What this node wants and what it finds, compared.
  public synchronized NodeStatus status() {
    Optional<Link> link = netlink.link(config.underlay());
    ForwardingState desired = ForwardingState.EMPTY;
    ForwardingState actual = ForwardingState.EMPTY;
    int podMtu = 0;
    if (link.isPresent()) {
      Underlay underlay = new Underlay(link.get().index(), link.get().mtu(), config.nodeAddress());
      actual = new KernelForwarding(netlink, underlay.link()).read();
      podMtu = backend.podMtu(underlay);
      if (nodes.me().isPresent()) {
        desired = backend.desired(nodes.me().get(), nodes.others(), underlay);
      }
    }
    return Assessment.of(
        new Knowledge(
            config.nodeName(),
            config.nodeAddress(),
            config.backend().name().toLowerCase(Locale.ROOT),
            ready,
            podMtu,
            config.underlay(),
            nodes,
            problems,
            desired,
            actual,
            netlink.links(),
            netlink.routes(),
            book.allocations(),
            Sysctls.read(machine, "net.ipv4.ip_forward").equals("1")));
  }

  /// What an agent would change in the kernel of a machine, without starting one.
  public static List<ForwardingStep> plan(
      Config config, NetworkNamespace machine, Collection<Node> all) {
    ClusterNodes nodes = ClusterNodes.of(all, config.nodeName(), config.nodeAddress());
    try (RouteNetlink netlink = RouteNetlink.open(machine)) {
      Link link =
          netlink
              .link(config.underlay())
              .orElseThrow(
                  () -> new IllegalStateException("this machine has no link " + config.underlay()));
      Underlay underlay = new Underlay(link.index(), link.mtu(), config.nodeAddress());
      Optional<ClusterNode> me = nodes.me();
      return me.isEmpty()
          ? List.of()
          : ForwardingPlan.between(
              new KernelForwarding(netlink, underlay.link()).read(),
              config.backend().create().desired(me.get(), nodes.others(), underlay));
    }
  }

  private void settle() throws IOException {
    List<String> found = new ArrayList<>(nodes.problems());
    found.addAll(backend.unreachable(nodes.others()));
    if (pools != null) {
      found.addAll(pools.problems());
    }
    problems = List.copyOf(found);
    Optional<ClusterNode> known = nodes.me();
    if (known.isEmpty()) {
      return;
    }
    ClusterNode me = known.get();
    Underlay underlay = underlay();
    KernelForwarding kernel = new KernelForwarding(netlink, underlay.link());
    ForwardingState desired = backend.desired(me, nodes.others(), underlay);
    KernelException refused = null;
    List<ForwardingStep> steps = ForwardingPlan.between(kernel.read(), desired);
    if (!steps.isEmpty()) {
      LOG.debug("Pod network: {}", steps);
      try {
        kernel.apply(steps);
      } catch (KernelException e) {
        refused = e; // one bad node must not keep pods from reaching the others
      }
    }
    if (desired.tunnel().isPresent() && netlink.link(ForwardingState.TUNNEL_NAME).isEmpty()) {
      throw refused != null ? refused : new IllegalStateException("the tunnel went away again");
    }
    masquerade.set(masqueradeRules(me));
    becomeReady(me, underlay);
    Map<String, String> announcement = backend.announcement(me, underlay);
    if (!nodes.myAnnotations().entrySet().containsAll(announcement.entrySet())) {
      announcer.announce(config.nodeName(), announcement);
    }
    if (refused != null) {
      throw refused;
    }
  }

  private MasqueradeRules masqueradeRules(ClusterNode me) {
    List<IpAddress> machines = new ArrayList<>();
    machines.add(me.address());
    nodes.others().forEach(other -> machines.add(other.address()));
    List<Prefix> mine = new ArrayList<>(me.ranges());
    blocks().singles(me.name()).forEach(address -> mine.add(address.toPrefix()));
    List<Prefix> pods = new ArrayList<>(List.of(config.podRange()));
    if (pools != null) {
      pools.poolRanges().stream().filter(r -> !config.podRange().contains(r)).forEach(pods::add);
    }
    return new MasqueradeRules(mine, pods, machines);
  }

  private void becomeReady(ClusterNode me, Underlay underlay) throws IOException {
    List<Prefix> own = new ArrayList<>(me.ranges());
    own.removeAll(blocks().blocks(me.name()));
    book.ranges(own);
    if (pools != null && !pools.known()) {
      return; // a pod might be meant for a pool
    }
    attachments.settings(new Attachments.Settings(backend.podMtu(underlay)));
    if (!ready) {
      attachments.collect(); // again, now that reserved addresses have a range to be in
      CniFiles.writeConfiguration(config.confDir(), config.socket());
      ready = true;
      LOG.info(
          "Pod network ready: {} by {}, MTU {}",
          me.ranges(),
          config.backend(),
          backend.podMtu(underlay));
    }
  }

  private Underlay underlay() {
    Link link =
        netlink
            .link(config.underlay())
            .orElseThrow(() ->
                new IllegalStateException(
                    "this machine has no link " + config.underlay() + " to other machines"));
    return new Underlay(link.index(), link.mtu(), config.nodeAddress());
  }

  private void resync() {
    try {
      synchronized (this) {
        settle();
        sayWhatLasts();
      }
      attachments.trouble("");
      server.catchUp();
      fastPath.resync();
      guard.resync();
      attachments.collect();
      if (pools != null) {
        pools.upkeep();
      }
    } catch (IOException | RuntimeException e) {
      attachments.trouble(e.toString());
      LOG.warn("Pod network: looking after the kernel failed: {}", e.toString());
    }
  }

  /// Every node begins as a problem: without a range, without a tunnel. Only what is still so at
  /// the next look is worth a word, and one is enough.
  private void sayWhatLasts() {
    told.retainAll(problems);
    for (String problem : problems) {
      if (lasting.contains(problem) && told.add(problem)) {
        LOG.warn("Pod network: {}", problem);
      }
    }
    lasting = problems;
  }

  @Override
  public void close() throws IOException {
    clock.shutdownNow();
    server.close();
    statusServer.close();
    if (pools != null) {
      pools.close();
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
      wires.close();
      hostPorts.close();
      netlink.close();
      masquerade.close();
      book.close();
      machine.close();
    }
  }
}
