// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.wireguard;

import dev.fairway.linux.wireguard.WireGuardKey;
import dev.fairway.linux.wireguard.WireGuardPeer;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import dev.fairway.net.TransportAddress;
import dev.fairway.podnet.forwarding.ForwardingState;
import dev.fairway.podnet.forwarding.ForwardingState.RangeRoute;
import dev.fairway.podnet.forwarding.ForwardingState.Way;
import dev.fairway.podnet.forwarding.ForwardingState.WireGuardTunnel;
import dev.fairway.podnet.nodes.Backend;
import dev.fairway.podnet.nodes.ClusterNode;
import dev.fairway.podnet.nodes.FlannelAnnotations;
import dev.fairway.podnet.nodes.Underlay;
import dev.fairway.podnet.settings.BackendKind;
import dev.fairway.podnet.settings.PodNetworkSettings;
import dev.fairway.podnet.settings.WireGuardSettings;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Supplier;

/// The backend `wireguard`.
public final class WireGuardBackend implements Backend {
  /// UDP header, WireGuard's own (type, receiver, counter: 16 bytes) and the tag of Poly1305; the
  /// outer IP header comes to them. Padding to 16 bytes never goes beyond the MTU.
  private static final int OVERHEAD = 8 + 16 + 16;

  /// How often a peer that has not been heard is asked again to agree on keys, traffic or not. Two
  /// questions that cross each other are both lost, and two ends that began together would cross
  /// for ever; so the end with the larger key asks less often.
  private static final int ASK_SECONDS = 5;

  private static final int ASK_LESS_SECONDS = 7;

  private final WireGuardSettings settings;
  private final OptionalInt wantedMtu;
  private final Supplier<WireGuardKnown> known;

  /// @param wantedMtu of pods, empty for what fits
  /// @param known of this machine's device, now
  public WireGuardBackend(
      WireGuardSettings settings, OptionalInt wantedMtu, Supplier<WireGuardKnown> known) {
    this.settings = settings;
    this.wantedMtu = wantedMtu;
    this.known = known;
  }

  @Override
  public ForwardingState desired(ClusterNode me, List<ClusterNode> others, Underlay underlay) {
    return new ForwardingState(
        Optional.empty(),
        routes(me, others),
        List.of(),
        List.of(),
        Optional.of(tunnel(me, others, underlay)));
  }

  /// The routes alone, for nodes that are sent to this way.
  public List<RangeRoute> routes(ClusterNode me, List<ClusterNode> others) {
    List<RangeRoute> routes = new ArrayList<>();
    for (Prefix range : me.ranges()) {
      routes.add(new RangeRoute(range, Way.UNREACHABLE, Optional.empty()));
    }
    boolean able = known.get().obstacle().isEmpty();
    for (ClusterNode other : others) {
      // Without a route it would leave by the default one, for all to read.
      Way way = able && other.wireGuard().isPresent() ? Way.WIREGUARD : Way.UNREACHABLE;
      for (Prefix range : other.ranges()) {
        routes.add(new RangeRoute(range, way, Optional.empty()));
      }
    }
    return routes;
  }

  /// The device alone, for all nodes that may send this way.
  public WireGuardTunnel tunnel(ClusterNode me, List<ClusterNode> others, Underlay underlay) {
    WireGuardKnown now = known.get();
    int keepalive = (int) settings.keepalive().toSeconds();
    String own = now.key().map(WireGuardKey::text).orElse("");
    List<WireGuardPeer> peers = new ArrayList<>();
    for (ClusterNode other : others) {
      if (other.wireGuard().isPresent()) {
        WireGuardKey key = other.wireGuard().get();
        peers.add(
            WireGuardPeer.of(
                key,
                new TransportAddress(other.address(), settings.port()),
                behind(other),
                now.reached().contains(key) ? keepalive : asking(own, key)));
      }
    }
    List<IpAddress> addresses = me.ranges().stream().map(Prefix::address).toList();
    return WireGuardTunnel.of(
        now.key(), settings.port(), tunnelMtu(me, underlay), addresses, peers);
  }

  private static int asking(String own, WireGuardKey other) {
    return own.compareTo(other.text()) < 0 ? ASK_SECONDS : ASK_LESS_SECONDS;
  }

  /// What a node may send. Its machine's own addresses are among it, as pods of other nodes reach
  /// those past the tunnel, and the answers come through it.
  private static List<Prefix> behind(ClusterNode node) {
    List<Prefix> all = new ArrayList<>(node.ranges());
    node.addresses().forEach(address -> all.add(address.toPrefix()));
    return all;
  }

  @Override
  public Map<String, String> announcement(ClusterNode me, Underlay underlay) {
    Optional<WireGuardKey> key = known.get().key();
    return key.isEmpty() || known.get().obstacle().isPresent()
        ? FlannelAnnotations.hostGateway(underlay.address())
        : FlannelAnnotations.wireGuard(me, key.get());
  }

  @Override
  public int podMtu(Underlay underlay) {
    return wantedMtu.orElse(underlay.tunnelMtu(OVERHEAD));
  }

  /// At least what IPv6 asks of every link; what does not fit then crosses in fragments.
  private int tunnelMtu(ClusterNode me, Underlay underlay) {
    boolean v6 = me.ranges().stream().anyMatch(range -> range.family() == IpFamily.IPV6);
    return Math.max(v6 ? PodNetworkSettings.LEAST_IPV6_MTU : 0, podMtu(underlay));
  }

  @Override
  public List<String> unreachable(ClusterNode me, List<ClusterNode> others, Underlay underlay) {
    Optional<String> obstacle = known.get().obstacle();
    if (obstacle.isPresent()) {
      return List.of(
          "node "
              + me.name()
              + ": the settings say backend: wireguard, but on this node "
              + obstacle.get()
              + "; so nothing is sent to pods of the other nodes");
    }
    List<String> reasons = new ArrayList<>();
    for (ClusterNode other : others) {
      obstacle(other).ifPresent(why -> reasons.add("node " + other.name() + ": " + why));
    }
    int mtu = tunnelMtu(me, underlay);
    if (mtu > underlay.tunnelMtu(OVERHEAD)) {
      reasons.add(
          "pods have an MTU of "
              + mtu
              + ", of which WireGuard carries only "
              + underlay.tunnelMtu(OVERHEAD)
              + " in one packet; larger ones go in fragments, slowly: raise the MTU of the machines'"
              + " network to "
              + (underlay.mtu() + mtu - underlay.tunnelMtu(OVERHEAD)));
    }
    return reasons;
  }

  /// What keeps a node from being reached that is to be.
  ///
  /// @param otherwise what carries its packets meanwhile
  public String notYet(ClusterNode other, BackendKind otherwise) {
    return "node "
        + other.name()
        + ": "
        + obstacle(other).orElse("it is not to be reached by WireGuard yet")
        + "; packets to its pods go by "
        + otherwise
        + " as before, not encrypted";
  }

  private Optional<String> obstacle(ClusterNode other) {
    if (other.wireGuard().isEmpty()) {
      return Optional.of(
          other.sendsBy().contains(BackendKind.WIREGUARD)
              ? "it has no WireGuard device; what it lacks is said there"
              : "its annotations name no WireGuard key yet");
    }
    if (!known.get().reached().contains(other.wireGuard().get())) {
      TransportAddress end = new TransportAddress(other.address(), settings.port());
      return Optional.of("no WireGuard handshake with " + end + " yet (UDP)");
    }
    return Optional.empty();
  }
}
