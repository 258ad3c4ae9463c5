// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.status;

import dev.fairway.linux.Link;
import dev.fairway.linux.wireguard.WireGuardKey;
import dev.fairway.linux.wireguard.WireGuardPeer;
import dev.fairway.net.IpAddress;
import dev.fairway.net.MacAddress;
import dev.fairway.net.Prefix;
import dev.fairway.podnet.attach.Wire;
import dev.fairway.podnet.forwarding.ForwardingPlan;
import dev.fairway.podnet.forwarding.ForwardingState;
import dev.fairway.podnet.forwarding.ForwardingState.Destination;
import dev.fairway.podnet.forwarding.ForwardingState.NextHop;
import dev.fairway.podnet.forwarding.ForwardingState.RangeRoute;
import dev.fairway.podnet.forwarding.ForwardingState.TunnelDevice;
import dev.fairway.podnet.forwarding.ForwardingState.WireGuardTunnel;
import dev.fairway.podnet.ipam.AddressBook;
import dev.fairway.podnet.ipam.Allocation;
import dev.fairway.podnet.nodes.ClusterNode;
import dev.fairway.podnet.status.NodeStatus.AddressPool;
import dev.fairway.podnet.status.NodeStatus.Device;
import dev.fairway.podnet.status.NodeStatus.End;
import dev.fairway.podnet.status.NodeStatus.Finding;
import dev.fairway.podnet.status.NodeStatus.OtherNode;
import dev.fairway.podnet.status.NodeStatus.Peer;
import dev.fairway.podnet.status.NodeStatus.Pod;
import dev.fairway.podnet.status.NodeStatus.Range;
import dev.fairway.podnet.status.NodeStatus.Route;
import dev.fairway.podnet.status.NodeStatus.Tunnel;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/// Compares what should be with what is. Pure: the same knowledge gives the same status.
public final class Assessment {
  /// The least that IPv6 allows a link (RFC 8200 section 5); below, pods without it suffer, too.
  private static final int LEAST_MTU = 1280;

  /// So many of a routing protocol's routes are shown; its peers tell how many there are.
  private static final int MOST_LEARNED = 1000;

  /// Of routes that BGP peers told, as `ip route` shows it.
  private static final int LEARNED_PROTOCOL = 86;

  private static final int MOST_ALIKE = 8;
  private static final String SOON =
      "it is put right within 10 s; if not, the agent's log says why (./fairway logs)";

  private final Knowledge known;
  private final List<Finding> findings = new ArrayList<>();
  private final Map<Prefix, String> owners = new HashMap<>();
  private final Map<String, Link> links = new HashMap<>();

  private Assessment(Knowledge known) {
    this.known = known;
    known.links().forEach(link -> links.put(link.name(), link));
    known.nodes().me().ifPresent(me -> me.ranges().forEach(r -> owners.put(r, me.name())));
    for (ClusterNode other : known.nodes().others()) {
      other.ranges().forEach(range -> owners.put(range, other.name()));
    }
  }

  public static NodeStatus of(Knowledge known) {
    return new Assessment(known).status();
  }

  private NodeStatus status() {
    Device underlay = underlay();
    if (!known.forwards()) {
      find("net.ipv4.ip_forward", "this machine forwards no packets", "sysctl -w it to 1");
    }
    known.problems().forEach(problem -> findings.add(Advice.of(problem, known.node())));
    List<Range> ranges = ranges();
    List<Tunnel> tunnels = tunnels();
    List<Route> routes = routes();
    List<Pod> pods = pods();
    peers();
    List<String> plan = new ArrayList<>();
    ForwardingPlan.between(known.actual(), known.desired())
        .forEach(step -> plan.add(StepText.of(step)));
    return new NodeStatus(
        known.node(),
        known.address().toString(),
        known.backend(),
        known.ready(),
        known.podMtu(),
        underlay,
        ranges,
        pools(),
        nodes(),
        routes,
        tunnels,
        known.peers(),
        pods,
        known.packetWays(),
        findings,
        plan);
  }

  private void find(String about, String why, String mend) {
    findings.add(new Finding(about, why, mend));
  }

  private Device underlay() {
    String name = known.underlay();
    Link link = links.get(name);
    if (link == null) {
      find("link " + name, "there is no such link", "the settings name the link to other machines");
      return new Device(name, 0, NodeStatus.MISSING);
    }
    if (!link.up() || !link.running()) {
      String why = link.up() ? "it is up but has no carrier" : "it is down: no node is reached";
      find(
          "link " + name,
          why,
          link.up() ? "see what is at its end" : "ip link set " + name + " up");
      return new Device(name, link.mtu(), NodeStatus.DOWN);
    }
    if (known.podMtu() > 0 && known.podMtu() < LEAST_MTU) {
      find(
          "link " + name,
          "its MTU of " + link.mtu() + " leaves pods " + known.podMtu() + " bytes",
          "give it an MTU with which pods have " + LEAST_MTU + " or more");
    }
    return new Device(name, link.mtu(), NodeStatus.OK);
  }

  private List<Range> ranges() {
    List<Range> ranges = new ArrayList<>();
    for (AddressBook.RangeUse each : known.addresses().ranges()) {
      String pool = "";
      for (Map.Entry<String, Prefix> entry : known.pools().entrySet()) {
        pool = entry.getValue().contains(each.range()) ? entry.getKey() : pool;
      }
      ranges.add(new Range(each.range().toString(), pool, each.used(), each.capacity()));
      if (pool.isEmpty() && each.used() >= each.capacity()) {
        find("range " + each.range(), "all its addresses are taken", "move pods to other nodes");
      }
    }
    return ranges;
  }

  private List<AddressPool> pools() {
    List<AddressPool> pools = new ArrayList<>();
    new TreeMap<>(known.pools())
        .forEach((name, range) -> pools.add(new AddressPool(name, range.toString())));
    return pools;
  }

  private void peers() {
    int missing = 0;
    for (Peer peer : known.peers()) {
      if (!peer.why().isEmpty() && missing++ < MOST_ALIKE) {
        find("peer " + peer.address(), peer.why(), Advice.ofPeer(peer));
      }
    }
  }

  private List<OtherNode> nodes() {
    Map<String, OtherNode> nodes = new LinkedHashMap<>();
    for (ClusterNode other : known.nodes().others()) {
      List<String> ranges = other.ranges().stream().map(Prefix::toString).toList();
      nodes.put(other.name(), new OtherNode(other.name(), other.address().toString(), ranges, ""));
    }
    for (Finding finding : findings) {
      if (finding.about().startsWith("node ")) {
        String name = finding.about().substring("node ".length());
        OtherNode node = nodes.getOrDefault(name, new OtherNode(name, "", List.of(), ""));
        if (!name.equals(known.node())) {
          nodes.put(name, new OtherNode(name, node.address(), node.ranges(), finding.why()));
        }
      }
    }
    return List.copyOf(nodes.values());
  }

  private List<Route> routes() {
    Set<RangeRoute> all = new LinkedHashSet<>(known.desired().routes());
    all.addAll(known.actual().routes());
    List<Route> routes = new ArrayList<>();
    int missing = 0;
    for (RangeRoute route : all) {
      boolean wanted = known.desired().routes().contains(route);
      boolean there = known.actual().routes().contains(route);
      String device =
          switch (route.way()) {
            case UNDERLAY -> known.underlay();
            case TUNNEL -> ForwardingState.TUNNEL_NAME;
            case WIREGUARD -> ForwardingState.WIREGUARD_NAME;
            case UNREACHABLE -> "unreachable";
            case ELSEWHERE -> "another";
          };
      routes.add(
          new Route(
              route.range().toString(),
              owners.getOrDefault(route.range(), ""),
              route.gateway().map(IpAddress::toString).orElse(""),
              device,
              state(wanted, there)));
      if (wanted && !there && missing++ < MOST_ALIKE) {
        find("route " + route.range(), "it is missing in the kernel", SOON);
      }
    }
    learned(routes);
    return routes;
  }

  /// What peers told. The kernel's word alone counts: what is wanted is theirs to say.
  private void learned(List<Route> routes) {
    Map<Integer, String> names = new HashMap<>();
    known.links().forEach(link -> names.put(link.index(), link.name()));
    int shown = 0;
    for (dev.fairway.linux.Route route : known.routes()) {
      if (route.protocol() == LEARNED_PROTOCOL && shown++ < MOST_LEARNED) {
        boolean several = route.link() == 0 && route.gateway() == null;
        routes.add(
            new Route(
                route.destination().toString(),
                owners.getOrDefault(route.destination(), ""),
                several ? "several" : route.gateway() == null ? "" : route.gateway().toString(),
                names.getOrDefault(route.link(), ""),
                NodeStatus.OK));
      }
    }
  }

  private static String state(boolean wanted, boolean there) {
    return !wanted ? NodeStatus.STALE : there ? NodeStatus.OK : NodeStatus.MISSING;
  }

  private String deviceState(String name, boolean wanted, boolean there) {
    Link link = links.get(name);
    boolean down = wanted && link != null && !link.up();
    String state = down ? NodeStatus.DOWN : state(wanted, there);
    if (!state.equals(NodeStatus.OK)) {
      find("link " + name, "it is " + state, SOON);
    }
    return state;
  }

  private List<Tunnel> tunnels() {
    List<Tunnel> all = new ArrayList<>(vxlan());
    all.addAll(wireGuard());
    return all;
  }

  private List<Tunnel> wireGuard() {
    Optional<WireGuardTunnel> wanted = known.desired().wireGuard();
    Optional<WireGuardTunnel> actual = known.actual().wireGuard();
    Optional<WireGuardTunnel> device = wanted.or(() -> actual);
    if (device.isEmpty()) {
      return List.of();
    }
    String name = ForwardingState.WIREGUARD_NAME;
    String state = deviceState(name, wanted.isPresent(), actual.isPresent());
    Link link = links.get(name);
    WireGuardTunnel shown = device.get();
    String kind = link != null && link.kind().equals("tun") ? "wireguard-go" : "wireguard";
    return List.of(
        new Tunnel(
            name,
            kind,
            0,
            shown.port(),
            known.address().toString(),
            shown.mtu(),
            state,
            peerEnds(wanted, actual)));
  }

  private List<End> peerEnds(Optional<WireGuardTunnel> wanted, Optional<WireGuardTunnel> actual) {
    Map<WireGuardKey, WireGuardPeer> wants = wanted.map(WireGuardTunnel::peers).orElse(Map.of());
    Map<WireGuardKey, WireGuardPeer> has = actual.map(WireGuardTunnel::peers).orElse(Map.of());
    Map<WireGuardKey, WireGuardPeer> all = new LinkedHashMap<>(wants);
    has.forEach(all::putIfAbsent);
    List<End> ends = new ArrayList<>();
    for (WireGuardPeer peer : all.values()) {
      String state = state(wants.containsKey(peer.key()), has.containsKey(peer.key()));
      for (Prefix range : peer.allowed()) {
        if (!owners.containsKey(range) && state.equals(NodeStatus.OK)) {
          continue; // the machine's own address
        }
        String machine = peer.endpoint().map(end -> end.address().toString()).orElse("");
        String owner = owners.getOrDefault(range, "");
        ends.add(new End(owner, range.toString(), peer.key().text(), machine, state));
      }
      if (state.equals(NodeStatus.MISSING) && ends.size() <= MOST_ALIKE) {
        find("peer " + peer.key(), "it is missing in the device", SOON);
      }
    }
    ends.sort(Comparator.comparing(End::node).thenComparing(End::gateway));
    return ends;
  }

  private List<Tunnel> vxlan() {
    Optional<TunnelDevice> wanted = known.desired().tunnel();
    Optional<TunnelDevice> actual = known.actual().tunnel();
    Optional<TunnelDevice> device = wanted.or(() -> actual);
    if (device.isEmpty()) {
      return List.of();
    }
    String name = ForwardingState.TUNNEL_NAME;
    String state = deviceState(name, wanted.isPresent(), actual.isPresent());
    TunnelDevice shown = device.get();
    return List.of(
        new Tunnel(
            name,
            "vxlan",
            shown.vni(),
            shown.port(),
            shown.local().toString(),
            shown.mtu(),
            state,
            ends()));
  }

  private List<End> ends() {
    Map<MacAddress, Destination> wantedAt = destinations(known.desired());
    Map<MacAddress, Destination> foundAt = destinations(known.actual());
    Set<NextHop> hops = new LinkedHashSet<>(known.desired().neighbours());
    hops.addAll(known.actual().neighbours());
    List<End> ends = new ArrayList<>();
    for (NextHop hop : hops) {
      boolean wanted = known.desired().neighbours().contains(hop);
      Optional<Destination> to = Optional.ofNullable((wanted ? wantedAt : foundAt).get(hop.mac()));
      boolean there =
          known.actual().neighbours().contains(hop)
              && to.filter(known.actual().destinations()::contains).isPresent();
      ends.add(
          new End(
              owner(hop.address()),
              hop.address().toString(),
              hop.mac().toString(),
              to.map(d -> d.machine().toString()).orElse(""),
              state(wanted, there)));
      if (wanted && !there && ends.size() <= MOST_ALIKE) {
        find("tunnel end " + hop.address(), "it is missing in the kernel", SOON);
      }
    }
    return ends;
  }

  private String owner(IpAddress address) {
    for (Map.Entry<Prefix, String> owner : owners.entrySet()) {
      if (owner.getKey().contains(address)) {
        return owner.getValue();
      }
    }
    return "";
  }

  private static Map<MacAddress, Destination> destinations(ForwardingState state) {
    Map<MacAddress, Destination> destinations = new HashMap<>();
    state.destinations().forEach(each -> destinations.putIfAbsent(each.mac(), each));
    return destinations;
  }

  private List<Pod> pods() {
    Map<Prefix, Set<Integer>> routed = new HashMap<>();
    for (dev.fairway.linux.Route route : known.routes()) {
      routed.computeIfAbsent(route.destination(), p -> new HashSet<>()).add(route.link());
    }
    List<Pod> pods = new ArrayList<>();
    for (Allocation allocation : known.addresses().allocations()) {
      Allocation.Owner owner = allocation.owner();
      String name = Wire.hostName(owner.containerId(), owner.interfaceName());
      Link link = links.get(name);
      String why = fault(allocation, link, routed);
      pods.add(
          new Pod(
              owner.pod(),
              owner.containerId(),
              owner.interfaceName(),
              allocation.addresses().stream().map(IpAddress::toString).toList(),
              name,
              link == null ? 0 : link.mtu(),
              why));
      if (!why.isEmpty()) {
        find("pod " + owner.pod(), why, "delete the pod; its controller makes a new one");
      } else if (link != null && known.podMtu() > 0 && link.mtu() > known.podMtu()) {
        find(
            "pod " + owner.pod(),
            "it has an MTU of "
                + link.mtu()
                + ", but only "
                + known.podMtu()
                + " bytes fit through the network now",
            "start the pod anew: the MTU is set when it starts");
      }
    }
    return pods;
  }

  private static String fault(
      Allocation allocation,
      @org.jspecify.annotations.Nullable Link link,
      Map<Prefix, Set<Integer>> routed) {
    if (link == null) {
      return "its link is gone";
    }
    if (!link.up()) {
      return "its link " + link.name() + " is down";
    }
    if (!link.running()) {
      return "its link " + link.name() + " is down at the pod's end";
    }
    for (IpAddress address : allocation.addresses()) {
      if (!routed.getOrDefault(address.toPrefix(), Set.of()).contains(link.index())) {
        return "the route to " + address + " is missing";
      }
    }
    return "";
  }
}
