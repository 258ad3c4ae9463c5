// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.bgp;

import dev.fairway.bgp.Advertisement;
import dev.fairway.bgp.GracefulRestart;
import dev.fairway.bgp.PeerProfile;
import dev.fairway.bgp.PeerSettings;
import dev.fairway.bgp.PeerSocket;
import dev.fairway.bgp.PeerSocket.Reach;
import dev.fairway.bgp.bfd.BfdPeer;
import dev.fairway.bgp.bfd.BfdTimes;
import dev.fairway.bgp.policy.Change;
import dev.fairway.bgp.policy.Condition;
import dev.fairway.bgp.policy.Policy;
import dev.fairway.bgp.policy.PrefixRange;
import dev.fairway.bgp.policy.Rule;
import dev.fairway.bgp.wire.Community;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import dev.fairway.net.TransportAddress;
import dev.fairway.podnet.nodes.ClusterNode;
import dev.fairway.podnet.settings.BgpSettings;
import dev.fairway.podnet.settings.PodNetworkSettings;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/// What a node's speaker should be: whom it speaks with, what it tells, what it believes. Pure.
///
/// Believed of another node is what its Node object says are its ranges, and of nobody what is
/// ours. Of neighbours outside nothing is believed that lies among pods' addresses, the ranges told
/// to them, the machines' own networks, or where no unicast route can lead; a default route only
/// where `accept` names it.
///
/// @param speaker settings of the speaker
/// @param bfd whom to watch
/// @param problems why a neighbour was left out, each naming it
record BgpPlan(dev.fairway.bgp.BgpSettings speaker, List<BfdPeer> bfd, List<String> problems) {
  private static final Duration RETRY = Duration.ofSeconds(1);
  private static final Duration DEFERRAL = Duration.ofSeconds(30);
  private static final int FAR = 64;

  /// Where no unicast route of the network around can lead.
  private static final List<PrefixRange> NEVER =
      ranges(
          List.of(
              Prefix.parse("0.0.0.0/8"),
              Prefix.parse("127.0.0.0/8"),
              Prefix.parse("169.254.0.0/16"),
              Prefix.parse("224.0.0.0/3"),
              Prefix.parse("::/16"),
              Prefix.parse("fe80::/10"),
              Prefix.parse("ff00::/8")));

  private static final List<PrefixRange> DEFAULTS =
      List.of(
          PrefixRange.exactly(Prefix.parse("0.0.0.0/0")),
          PrefixRange.exactly(Prefix.parse("::/0")));

  /// What a plan is made of.
  ///
  /// @param me this node
  /// @param others that pods may live on
  /// @param settings of the pod network
  /// @param machine own addresses with the networks they are in
  /// @param passwords by name of the Secret
  /// @param restarting whether routes of a former life are in the kernel
  record Situation(
      ClusterNode me,
      List<ClusterNode> others,
      PodNetworkSettings settings,
      List<MachineAddress> machine,
      Map<String, String> passwords,
      boolean restarting) {
    BgpSettings bgp() {
      return settings.bgp();
    }

    boolean near(IpAddress address) {
      return machine.stream().anyMatch(own -> own.network().contains(address));
    }

    Set<IpFamily> families() {
      return EnumSet.copyOf(settings.families());
    }
  }

  /// An address of this machine.
  record MachineAddress(IpAddress address, Prefix network) {}

  static BgpPlan of(Situation situation) {
    BgpSettings bgp = situation.bgp();
    List<PeerSettings> peers = new ArrayList<>();
    List<BfdPeer> bfd = new ArrayList<>();
    List<String> problems = new ArrayList<>();
    Set<IpAddress> taken = new HashSet<>();
    for (ClusterNode other : situation.others()) {
      if (speaksWith(situation, other)
          && possible(situation, "node " + other.name(), other.address(), taken, problems)) {
        peers.add(node(situation, other));
        bgp.bfd().ifPresent(times -> bfd.add(watch(situation, other.address(), 0, times)));
      }
    }
    for (BgpSettings.Peer peer : bgp.peers()) {
      boolean ours = peer.nodes().isEmpty() || peer.nodes().contains(situation.me().name());
      if (ours && possible(situation, "BGP peer " + peer.name(), peer.address(), taken, problems)) {
        outside(situation, peer, peers, bfd, problems);
      }
    }
    List<Advertisement> own = new ArrayList<>();
    situation.me().ranges().forEach(range -> own.add(Advertisement.of(range)));
    bgp.advertise().forEach(range -> own.add(Advertisement.of(range)));
    List<IpAddress> nextHops = nextHops(situation, problems);
    GracefulRestart restart =
        new GracefulRestart(
            situation.restarting(),
            bgp.gracefulRestart(),
            DEFERRAL,
            GracefulRestart.DEFAULT.staleTime());
    dev.fairway.bgp.BgpSettings speaker =
        dev.fairway.bgp.BgpSettings.of(bgp.as(), routerId(situation))
            .withListen(listen(situation))
            .withPeers(peers)
            .withAdvertisements(own)
            .withNextHops(nextHops.toArray(IpAddress[]::new))
            .withGracefulRestart(restart);
    return new BgpPlan(speaker, List.copyOf(bfd), List.copyOf(problems));
  }

  /// One neighbour that cannot be must not keep the others from being spoken with.
  private static boolean possible(
      Situation situation,
      String who,
      IpAddress address,
      Set<IpAddress> taken,
      List<String> problems) {
    if (situation.machine().stream().anyMatch(own -> own.address().equals(address))) {
      problems.add(who + ": its address " + address + " is this machine's own");
    } else if (own(situation, address).isEmpty()) {
      problems.add(who + ": this machine has no address of the family of " + address);
    } else if (!taken.add(address)) {
      problems.add(who + ": its address " + address + " is that of another neighbour");
    } else {
      return true;
    }
    return false;
  }

  private static TransportAddress[] listen(Situation situation) {
    return situation.machine().stream()
        .map(own -> new TransportAddress(own.address(), situation.bgp().port()))
        .toArray(TransportAddress[]::new);
  }

  private static IpAddress routerId(Situation situation) {
    int hash = situation.me().name().hashCode();
    Optional<IpAddress> base = situation.bgp().routerId();
    if (base.isPresent()) {
      return base.get().plus(hash & 0xffff);
    }
    IpAddress address = situation.me().address();
    return address.family() == IpFamily.IPV4 ? address : IpAddress.ofIpv4(hash == 0 ? 1 : hash);
  }

  /// A next hop must be of the family of its routes, whatever the session runs over.
  private static List<IpAddress> nextHops(Situation situation, List<String> problems) {
    List<IpAddress> hops = new ArrayList<>();
    for (IpFamily family : situation.families()) {
      Optional<IpAddress> own =
          situation.machine().stream()
              .map(MachineAddress::address)
              .filter(address -> address.family() == family)
              .findFirst();
      if (own.isPresent()) {
        hops.add(own.get());
      } else {
        problems.add(
            "node "
                + situation.me().name()
                + ": the machine has no "
                + (family == IpFamily.IPV4 ? "IPv4" : "IPv6")
                + " address, so pods of that family cannot be reached from other nodes");
      }
    }
    return hops;
  }

  /// Without a mesh everybody speaks with the reflectors only (RFC 4456).
  private static boolean speaksWith(Situation situation, ClusterNode other) {
    BgpSettings bgp = situation.bgp();
    return bgp.mesh()
        || bgp.routeReflectors().contains(situation.me().name())
        || bgp.routeReflectors().contains(other.name());
  }

  private static PeerSettings node(Situation situation, ClusterNode other) {
    BgpSettings bgp = situation.bgp();
    boolean reflect = bgp.routeReflectors().contains(situation.me().name());
    boolean reflector = bgp.routeReflectors().contains(other.name());
    PeerSocket socket =
        PeerSocket.DEFAULT
            .withPort(bgp.port())
            .withLocalAddress(own(situation, other.address()).orElseThrow());
    List<Rule> rules = new ArrayList<>();
    // A single address may be another node's, though its block is ours.
    rules.add(accept(singles(other.ranges())));
    rules.add(reject(ranges(situation.me().ranges())));
    if (reflector) {
      rules.add(accept(ranges(situation.settings().podRanges())));
    } else {
      rules.add(accept(ranges(other.ranges())));
      rules.add(reject(ranges(situation.settings().podRanges())));
    }
    rules.add(reject(NEVER));
    rules.add(reject(networks(situation)));
    if (bgp.peers().stream().noneMatch(BgpPlan::mayTellDefault)) {
      rules.add(reject(DEFAULTS));
    }
    rules.add(Rule.accept());
    return new PeerSettings(
        other.address(),
        PeerProfile.of(bgp.as())
            .withSocket(socket)
            .withFamilies(situation.families())
            .withHoldTime(bgp.holdTime())
            .withConnectRetry(RETRY)
            .withNextHopSelf(!reflect)
            .withReflectorClient(reflect && !reflector)
            .withImport(new Policy(rules)));
  }

  private static boolean mayTellDefault(BgpSettings.Peer peer) {
    return peer.accept().stream().anyMatch(range -> range.length() == 0);
  }

  private static void outside(
      Situation situation,
      BgpSettings.Peer peer,
      List<PeerSettings> peers,
      List<BfdPeer> bfd,
      List<String> problems) {
    BgpSettings bgp = situation.bgp();
    PeerSocket socket = PeerSocket.DEFAULT.withPort(peer.port());
    if (peer.multihop() > 1) {
      socket = socket.withReach(new Reach.Multihop(peer.multihop()));
    }
    if (peer.passwordSecret().isPresent()) {
      String password = situation.passwords().get(peer.passwordSecret().get());
      if (password == null) {
        problems.add(
            "BGP peer "
                + peer.name()
                + ": Secret kube-system/"
                + peer.passwordSecret().get()
                + " has no key \"password\" that this node can read");
        return;
      }
      try {
        socket = socket.withMd5Password(password);
      } catch (IllegalArgumentException e) {
        problems.add("BGP peer " + peer.name() + ": " + e.getMessage());
        return;
      }
    }
    peers.add(
        new PeerSettings(
            peer.address(),
            PeerProfile.of(peer.as())
                .withSocket(socket)
                .withFamilies(situation.families())
                .withHoldTime(bgp.holdTime())
                .withConnectRetry(RETRY)
                .withImport(believed(situation, peer))
                .withExport(told(situation, peer))));
    if (peer.bfd()) {
      bfd.add(
          watch(
              situation, peer.address(), peer.multihop(), bgp.bfd().orElse(BgpSettings.Bfd.FAST)));
    }
  }

  private static Policy believed(Situation situation, BgpSettings.Peer peer) {
    List<Rule> rules = new ArrayList<>();
    rules.add(reject(ranges(situation.settings().podRanges())));
    rules.add(reject(ranges(situation.bgp().advertise())));
    rules.add(reject(NEVER));
    rules.add(reject(networks(situation)));
    rules.add(reject(ranges(peer.reject())));
    if (peer.accept().isEmpty()) {
      rules.add(reject(DEFAULTS));
      rules.add(Rule.accept());
    } else {
      rules.add(accept(ranges(peer.accept())));
    }
    return new Policy(rules);
  }

  /// Each node tells its own; where only some nodes speak, they tell the others' as well.
  private static Policy told(Situation situation, BgpSettings.Peer peer) {
    List<PrefixRange> what = new ArrayList<>();
    situation.me().ranges().forEach(range -> what.add(PrefixRange.exactly(range)));
    situation.bgp().advertise().forEach(range -> what.add(PrefixRange.exactly(range)));
    if (!peer.nodes().isEmpty()) {
      what.addAll(ranges(situation.settings().podRanges()));
    }
    Change[] marks =
        peer.communities().stream()
            .map(text -> (Change) new Change.AddCommunity(Community.parse(text)))
            .toArray(Change[]::new);
    return Policy.of(Rule.accept(new Condition.InPrefixes(what)).changing(marks));
  }

  private static BfdPeer watch(
      Situation situation, IpAddress address, int multihop, BgpSettings.Bfd times) {
    int hops = multihop > 1 ? Math.min(multihop, 254) : situation.near(address) ? 1 : FAR;
    return BfdPeer.of(address)
        .from(own(situation, address).orElseThrow())
        .withHops(multihop == 1 ? 1 : hops)
        .withTimes(new BfdTimes(times.interval(), times.interval(), times.multiplier()));
  }

  /// The own address that a neighbour knows us by.
  private static Optional<IpAddress> own(Situation situation, IpAddress neighbour) {
    IpAddress mine = situation.me().address();
    if (mine.family() == neighbour.family()
        && (situation.near(mine) || !situation.near(neighbour))) {
      return Optional.of(mine);
    }
    return situation.machine().stream()
        .filter(own -> own.network().contains(neighbour))
        .findFirst()
        .or(() ->
            situation.machine().stream()
                .filter(own -> own.address().family() == neighbour.family())
                .findFirst())
        .map(MachineAddress::address);
  }

  private static List<PrefixRange> singles(List<Prefix> prefixes) {
    return ranges(
        prefixes.stream()
            .filter(prefix -> prefix.length() == prefix.family().addressBits())
            .toList());
  }

  private static List<PrefixRange> networks(Situation situation) {
    return ranges(situation.machine().stream().map(MachineAddress::network).toList());
  }

  private static List<PrefixRange> ranges(List<Prefix> prefixes) {
    return prefixes.stream().map(PrefixRange::within).toList();
  }

  private static Rule accept(List<PrefixRange> ranges) {
    return Rule.accept(new Condition.InPrefixes(ranges));
  }

  private static Rule reject(List<PrefixRange> ranges) {
    return Rule.reject(new Condition.InPrefixes(ranges));
  }
}
