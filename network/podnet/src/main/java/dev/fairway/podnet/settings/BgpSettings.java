// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.settings;

import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/// The BGP speakers of the nodes.
///
/// @param as the autonomous system of all nodes, 1 to 4294967294
/// @param routerId of this cluster's nodes if it should not be each node's IPv4 address; then it is
///   the first and each node adds a hash of its name
/// @param port where nodes listen
/// @param mesh whether every node is every other's neighbour
/// @param routeReflectors names of the nodes that reflect (RFC 4456); with some, no mesh is needed
/// @param holdTime how long a silent neighbour counts as alive, at least 3 s (RFC 4271 4.2)
/// @param gracefulRestart how long a restarting neighbour's routes stay (RFC 4724); zero: not at
///   all
/// @param bfd whether nodes watch one another by BFD (RFC 5880)
/// @param peers neighbours outside the cluster
/// @param advertise ranges told to peers beside the nodes' own, such as those of Services
public record BgpSettings(
    long as,
    Optional<IpAddress> routerId,
    int port,
    boolean mesh,
    List<String> routeReflectors,
    Duration holdTime,
    Duration gracefulRestart,
    Optional<Bfd> bfd,
    List<Peer> peers,
    List<Prefix> advertise) {
  static final int MOST_PEERS = 256;
  private static final long LAST_AS = 0xffff_fffeL;

  /// How fast a dead neighbour is noticed: after `multiplier` times `interval`.
  ///
  /// @param interval between packets, 10 ms to 10 s
  /// @param multiplier 2 to 50
  public record Bfd(Duration interval, int multiplier) {
    public static final Bfd FAST = new Bfd(Duration.ofMillis(50), 5);

    public Bfd {
      InvalidSettings.unless(
          interval.toMillis() >= 10 && interval.toMillis() <= 10_000,
          "bgp.bfd.intervalMillis",
          "must be from 10 to 10000");
      InvalidSettings.unless(
          multiplier >= 2 && multiplier <= 50, "bgp.bfd.multiplier", "must be from 2 to 50");
    }
  }

  /// A neighbour outside the cluster.
  ///
  /// @param name for messages; a DNS label
  /// @param address where it listens
  /// @param port where it listens
  /// @param as its autonomous system; ours makes it an internal neighbour
  /// @param nodes names of the nodes that speak to it; empty: all
  /// @param passwordSecret name of a Secret in kube-system whose key `password` is the session's
  ///   MD5 password (RFC 2385)
  /// @param multihop how many routers away it may be; 1: on the same network
  /// @param bfd whether it is watched by BFD
  /// @param communities put on what it is told, as `65000:100` (RFC 1997)
  /// @param accept ranges taken from it, with all inside them; empty: everything
  /// @param reject ranges not taken from it, with all inside them, whatever `accept` says
  public record Peer(
      String name,
      IpAddress address,
      int port,
      long as,
      List<String> nodes,
      Optional<String> passwordSecret,
      int multihop,
      boolean bfd,
      List<String> communities,
      List<Prefix> accept,
      List<Prefix> reject) {
    public Peer {
      nodes = List.copyOf(nodes);
      communities = List.copyOf(communities);
      accept = List.copyOf(accept);
      reject = List.copyOf(reject);
      String peer = "bgp.peers[" + name + "].";
      InvalidSettings.unless(isAs(as), peer + "as", "must be from 1 to 4294967294");
      InvalidSettings.unless(isPort(port), peer + "port", "must be from 1 to 65535");
      InvalidSettings.unless(
          multihop >= 1 && multihop <= 255, peer + "multihop", "must be from 1 to 255");
      InvalidSettings.unless(
          !address.isUnspecified() && !address.isMulticast() && !address.isLinkLocal(),
          peer + "address",
          address + " cannot be a neighbour's");
      for (String community : communities) {
        InvalidSettings.unless(
            isCommunity(community),
            peer + "communities",
            "\"" + community + "\" is not two numbers up to 65535 such as 65000:100");
      }
    }
  }

  public static final BgpSettings MESH =
      new BgpSettings(
          64512,
          Optional.empty(),
          179,
          true,
          List.of(),
          Duration.ofSeconds(90),
          Duration.ofSeconds(120),
          Optional.empty(),
          List.of(),
          List.of());

  public BgpSettings {
    routeReflectors = List.copyOf(routeReflectors);
    peers = List.copyOf(peers);
    advertise = List.copyOf(advertise);
    InvalidSettings.unless(isAs(as), "bgp.as", "must be from 1 to 4294967294");
    InvalidSettings.unless(isPort(port), "bgp.port", "must be from 1 to 65535");
    InvalidSettings.unless(
        routerId.isEmpty() || routerId.get().family() == IpFamily.IPV4,
        "bgp.routerId",
        "must be written as an IPv4 address");
    InvalidSettings.unless(
        holdTime.toSeconds() >= 3 && holdTime.toSeconds() <= 65535,
        "bgp.holdTimeSeconds",
        "must be from 3 to 65535");
    InvalidSettings.unless(
        !gracefulRestart.isNegative() && gracefulRestart.toSeconds() <= 4095,
        "bgp.gracefulRestartSeconds",
        "must be from 0 to 4095");
    InvalidSettings.unless(
        peers.size() <= MOST_PEERS, "bgp.peers", "must be at most " + MOST_PEERS);
    for (int i = 0; i < peers.size(); i++) {
      for (Peer earlier : peers.subList(0, i)) {
        InvalidSettings.unless(
            !earlier.address().equals(peers.get(i).address()),
            "bgp.peers[" + i + "].address",
            "is that of another peer: " + earlier.name());
      }
    }
  }

  private static boolean isAs(long as) {
    return as >= 1 && as <= LAST_AS;
  }

  private static boolean isPort(int port) {
    return port >= 1 && port <= 65535;
  }

  private static boolean isCommunity(String text) {
    int colon = text.indexOf(':');
    return colon > 0 && isWord(text.substring(0, colon)) && isWord(text.substring(colon + 1));
  }

  private static boolean isWord(String text) {
    return !text.isEmpty()
        && text.length() <= 5
        && text.chars().allMatch(c -> c >= '0' && c <= '9')
        && Integer.parseInt(text) <= 65535;
  }
}
