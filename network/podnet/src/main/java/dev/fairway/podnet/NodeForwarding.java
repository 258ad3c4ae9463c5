// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet;

import dev.fairway.bgp.PeerStatus;
import dev.fairway.linux.KernelException;
import dev.fairway.linux.Link;
import dev.fairway.linux.LinkAddress;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.Route;
import dev.fairway.linux.RouteNetlink;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import dev.fairway.podnet.bgp.BgpBackend;
import dev.fairway.podnet.forwarding.ForwardingPlan;
import dev.fairway.podnet.forwarding.ForwardingState;
import dev.fairway.podnet.forwarding.ForwardingState.Way;
import dev.fairway.podnet.forwarding.ForwardingStep;
import dev.fairway.podnet.forwarding.KernelForwarding;
import dev.fairway.podnet.nodes.ClusterNode;
import dev.fairway.podnet.nodes.Underlay;
import dev.fairway.podnet.settings.BackendKind;
import dev.fairway.podnet.settings.PodNetworkSettings;
import dev.fairway.podnet.wireguard.WireGuardKnown;
import dev.fairway.podnet.wireguard.WireGuardMachine;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// One machine's place between the machines, and its kernel's ways to the pods of the others. Not
/// for several threads at a time.
final class NodeForwarding implements BackendMix.Present, AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(NodeForwarding.class);

  private final NetworkNamespace machine;
  private final RouteNetlink netlink;
  private final SecondTunnel second;
  private final String link;
  private final IpAddress address;
  private final BgpBackend bgp;
  private final WireGuardMachine wireGuard;
  private Optional<Settled> settled = Optional.empty();

  private List<Prefix> poolRanges = List.of();

  /// What routes to ranges of pods leave by, looked up where WireGuard is wanted.
  private Map<Prefix, Way> ways = Map.of();

  /// The devices that routes leave by: what is known of the kernel goes with them.
  private record Devices(int underlay, int tunnel, int tunnelMtu, int secure, int secureMtu) {}

  private record Settled(ForwardingState state, Devices on) {}

  /// The settings that BGP is spoken by.
  private Optional<PodNetworkSettings> spoken = Optional.empty();

  /// @param link name of the device to the other machines
  /// @param address of this machine there
  /// @param directory what must outlive the process
  /// @param runDirectory for what ends with the machine's reboot
  /// @param passwords of neighbours in BGP, by the names of their Secrets
  /// @param changed told each time that BGP reaches other nodes than before, or the WireGuard
  ///   device went away; must return at once
  NodeForwarding(
      NetworkNamespace machine,
      String link,
      IpAddress address,
      Path directory,
      Path runDirectory,
      Function<String, Optional<String>> passwords,
      Runnable changed) {
    this.wireGuard =
        new WireGuardMachine(
            machine,
            directory.resolve("wireguard.key"),
            runDirectory.resolve("wireguard"),
            changed);
    this.bgp = new BgpBackend(machine, link, passwords, changed);
    this.machine = machine;
    this.netlink = RouteNetlink.open(machine);
    this.second = new SecondTunnel(machine, netlink);
    this.link = link;
    this.address = address;
  }

  /// The network between the machines; empty if the device is not there.
  Optional<Underlay> findUnderlay() {
    Optional<Link> device = netlink.link(link);
    if (device.isEmpty()) {
      return Optional.empty();
    }
    int index = device.get().index();
    List<LinkAddress> addresses =
        netlink.addresses().stream().filter(each -> each.link() == index).toList();
    return Optional.of(new Underlay(index, device.get().mtu(), address, addresses));
  }

  Underlay underlay() {
    return findUnderlay()
        .orElseThrow(() ->
            new IllegalStateException("this machine has no link " + link + " to other machines"));
  }

  /// Where this machine is reached, in both families, first as it was told.
  static List<IpAddress> addresses(Underlay underlay) {
    List<IpAddress> mine = new ArrayList<>();
    mine.add(underlay.address());
    for (IpFamily family : IpFamily.values()) {
      underlay.address(family).filter(own -> !mine.contains(own)).ifPresent(mine::add);
    }
    return mine;
  }

  ForwardingState read(Underlay underlay) {
    return kernel(underlay).read();
  }

  private KernelForwarding kernel(Underlay underlay) {
    return new KernelForwarding(netlink, underlay.link(), wireGuard);
  }

  List<ForwardingStep> plan(ForwardingState desired, Underlay underlay) {
    return ForwardingPlan.between(read(underlay), desired);
  }

  /// Brings the kernel to what the backends want.
  ///
  /// @param mix of the settings that count
  /// @param alsoTold ranges of this node that neighbours in BGP are told of, beside its own
  /// @return what could not be done, such as what the kernel refused; the rest is: one bad node
  ///   must not keep pods from reaching the others
  /// @throws KernelException if the tunnel that is wanted cannot be made
  Optional<Exception> settle(
      BackendMix mix,
      ClusterNode me,
      List<ClusterNode> others,
      Underlay underlay,
      List<Prefix> alsoTold) {
    PodNetworkSettings wanted = mix.settings();
    List<ClusterNode> neighbours = mix.bgpNeighbours(me, others, underlay);
    boolean wantsBgp = wanted.backends().contains(BackendKind.BGP);
    if (wantsBgp) {
      spoken = Optional.of(wanted);
    } else {
      // Nodes that send to us by what we told them need that until they know another way. Those
      // that are not there any more hold nobody.
      Set<IpAddress> heard =
          bgp.peers().stream()
              .filter(PeerStatus::established)
              .map(PeerStatus::address)
              .collect(Collectors.toSet());
      neighbours =
          others.stream()
              .filter(other -> other.speaksBgp() && heard.contains(other.address()))
              .toList();
    }
    boolean speaks = wantsBgp || (spoken.isPresent() && !neighbours.isEmpty());
    Stages stages = new Stages();
    boolean secures = mix.keepsWireGuard(me, others, underlay);
    if (secures) {
      stages.run(() -> prepareWireGuard(mix, underlay));
    }
    if (speaks) {
      List<Prefix> ranges = new ArrayList<>(me.ranges());
      ranges.addAll(alsoTold);
      ClusterNode teller =
          new ClusterNode(me.name(), me.addresses(), ranges, me.tunnel(), me.sendsBy());
      List<ClusterNode> told = neighbours;
      stages.run(() -> bgp.set(spoken.orElse(wanted), teller, told));
    }
    apply(mix.desired(me, others, underlay), underlay).ifPresent(stages::add);
    stages.run(() -> second.settle(mix.second(me, others, underlay), underlay.link()));
    if (!secures) {
      ways = Map.of();
      stages.run(wireGuard::sweep);
    }
    if (!speaks) {
      spoken = Optional.empty();
      stages.run(() -> bgp.set(wanted, me, List.of()));
    }
    return stages.failure();
  }

  /// A device, before it is said what goes by it: without one that is nothing.
  private void prepareWireGuard(BackendMix mix, Underlay underlay) {
    if (wireGuard.prepare(mix.settings().wireguard(), mix.wireGuardMtu(underlay))) {
      ForwardingSysctls.loosen(machine, ForwardingState.WIREGUARD_NAME);
    }
    ForwardingState actual = read(underlay);
    Map<Prefix, Way> found = new HashMap<>();
    actual.routes().forEach(route -> found.put(route.range(), route.way()));
    ways = found;
    settled = Optional.of(new Settled(actual, devices(underlay)));
  }

  BgpBackend bgp() {
    return bgp;
  }

  WireGuardMachine wireGuard() {
    return wireGuard;
  }

  @Override
  public boolean reachedByBgp(ClusterNode node) {
    return bgp.reaches(node);
  }

  @Override
  public Optional<Way> way(ClusterNode node) {
    return node.ranges().stream().map(ways::get).filter(Objects::nonNull).findFirst();
  }

  @Override
  public WireGuardKnown wireGuardKnown() {
    return wireGuard.known();
  }

  @Override
  public List<Prefix> poolRanges() {
    return poolRanges;
  }

  /// Where pods may be besides the ranges of the settings, from the next [#settle] on.
  void poolRanges(List<Prefix> ranges) {
    poolRanges = List.copyOf(ranges);
  }

  /// What the kernel holds by the last look at it and what was done since, while its devices are
  /// those of then. To read thousands of entries for each node that changes would cost more than
  /// the change.
  private ForwardingState actual(ForwardingState desired, Underlay underlay) {
    boolean changed = settled.isPresent() && !settled.get().state().equals(desired);
    return changed && settled.get().on().equals(devices(underlay))
        ? settled.get().state()
        : read(underlay);
  }

  private Devices devices(Underlay underlay) {
    Optional<Link> tunnel = netlink.link(ForwardingState.TUNNEL_NAME).filter(Link::up);
    Optional<Link> secure = netlink.link(ForwardingState.WIREGUARD_NAME);
    return new Devices(
        underlay.link(),
        tunnel.map(Link::index).orElse(0),
        tunnel.map(Link::mtu).orElse(0),
        secure.map(Link::index).orElse(0),
        secure.filter(Link::up).map(Link::mtu).orElse(0));
  }

  /// Others may have changed the kernel: the next [#settle] looks at all of it.
  void doubt() {
    settled = Optional.empty();
    second.doubt();
  }

  private Optional<RuntimeException> apply(ForwardingState desired, Underlay underlay) {
    List<ForwardingStep> steps = ForwardingPlan.between(actual(desired, underlay), desired);
    settled = Optional.empty();
    Optional<RuntimeException> refused = Optional.empty();
    if (!steps.isEmpty()) {
      LOG.debug("Pod network: {}", steps);
      try {
        kernel(underlay).apply(steps);
      } catch (KernelException | UncheckedIOException e) {
        refused = Optional.of(e);
      }
      if (steps.stream().anyMatch(ForwardingStep.CreateTunnel.class::isInstance)) {
        ForwardingSysctls.loosen(machine, ForwardingState.TUNNEL_NAME);
      }
    }
    if (desired.tunnel().isPresent() && netlink.link(ForwardingState.TUNNEL_NAME).isEmpty()) {
      throw refused.isPresent()
          ? refused.get()
          : new IllegalStateException("the tunnel went away again");
    }
    if (refused.isEmpty()) {
      settled = Optional.of(new Settled(desired, devices(underlay)));
    }
    return refused;
  }

  List<Link> links() {
    return netlink.links();
  }

  List<Route> routes() {
    return netlink.routes();
  }

  /// Leaves everything in place for the next one.
  @Override
  public void close() {
    bgp.close();
    wireGuard.close();
    netlink.close();
  }
}
