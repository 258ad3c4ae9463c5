// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.policy;

import dev.fairway.net.Prefix;
import dev.fairway.net.Protocol;
import dev.fairway.traffic.policy.ClusterNetworkPolicy.NamespacedPods;
import dev.fairway.traffic.policy.ClusterNetworkPolicy.Spec;
import dev.fairway.traffic.policy.ClusterNetworkPolicy.WrittenPeer;
import dev.fairway.traffic.policy.ClusterNetworkPolicy.WrittenPort;
import dev.fairway.traffic.policy.ClusterNetworkPolicy.WrittenPorts;
import dev.fairway.traffic.policy.ClusterNetworkPolicy.WrittenProtocol;
import dev.fairway.traffic.policy.ClusterNetworkPolicy.WrittenRange;
import dev.fairway.traffic.policy.ClusterNetworkPolicy.WrittenRule;
import io.fabric8.kubernetes.api.model.LabelSelector;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// Understands ClusterNetworkPolicy objects. Pure.
///
/// A rule with a part that is not understood fails closed, as the API wants: one that accepts means
/// nothing then, and one that denies or passes on denies all. A policy whose tier, priority or
/// subject is not understood is not used. Each is told with its field.
final class ClusterPolicyReader {
  private static final int HIGHEST_PRIORITY = 1000;

  // What is null in a list has nothing that is known here.
  private static final Spec NO_SPEC = new Spec(null, null, null, null, null);
  private static final WrittenRule NO_RULE = new WrittenRule(null, null, null, null, null);
  private static final WrittenPeer NO_PEER = new WrittenPeer(null, null, null, null, null);
  private static final WrittenProtocol NO_PROTOCOL = new WrittenProtocol(null, null, null, null);

  private final Consumer<String> problems;

  ClusterPolicyReader(Consumer<String> problems) {
    this.problems = problems;
  }

  /// What is wrong with a field.
  private static final class Bad extends Exception {
    private static final long serialVersionUID = 1L;

    Bad(String field, String what) {
      super(field + ": " + what);
    }
  }

  /// Empty if it is not to be used.
  Optional<ClusterPolicy> read(ClusterNetworkPolicy object) {
    Spec spec = object.getSpec() == null ? NO_SPEC : object.getSpec();
    try {
      return Optional.of(
          new ClusterPolicy(
              object.getMetadata().getName(),
              tier(spec.tier()),
              priority(spec.priority()),
              subject(spec.subject()),
              rules(object, Direction.INGRESS, spec.ingress()),
              rules(object, Direction.EGRESS, spec.egress())));
    } catch (Bad e) {
      problem(object, e, "the policy is not used");
      return Optional.empty();
    }
  }

  private static Tier tier(@Nullable String text) throws Bad {
    for (Tier tier : Tier.values()) {
      if (tier.word().equals(text)) {
        return tier;
      }
    }
    throw new Bad("spec.tier", "\"" + text + "\" is not Admin or Baseline");
  }

  private static int priority(@Nullable Integer number) throws Bad {
    if (number == null || number < 0 || number > HIGHEST_PRIORITY) {
      throw new Bad("spec.priority", number + " is not from 0 to " + HIGHEST_PRIORITY);
    }
    return number;
  }

  private static Peer.Pods subject(@Nullable WrittenPeer subject) throws Bad {
    if (subject != null && subject.namespaces() != null && subject.pods() == null) {
      return pods("spec.subject", subject.namespaces());
    }
    if (subject != null && subject.pods() != null && subject.namespaces() == null) {
      return pods("spec.subject.pods", subject.pods());
    }
    throw new Bad("spec.subject", "give one of namespaces and pods");
  }

  private List<ClusterPolicy.Rule> rules(
      ClusterNetworkPolicy object, Direction direction, @Nullable List<WrittenRule> written) {
    List<ClusterPolicy.Rule> rules = new ArrayList<>();
    List<WrittenRule> all = Objects.requireNonNullElse(written, List.of());
    for (int i = 0; i < all.size(); i++) {
      String place = (direction == Direction.INGRESS ? "ingress[" : "egress[") + i + "]";
      rule(object, direction, place, Objects.requireNonNullElse(all.get(i), NO_RULE))
          .ifPresent(rules::add);
    }
    return rules;
  }

  private Optional<ClusterPolicy.Rule> rule(
      ClusterNetworkPolicy object, Direction direction, String place, WrittenRule written) {
    String field = "spec." + place;
    String name = written.name() == null || written.name().isEmpty() ? place : written.name();
    Optional<Action> action = action(written.action());
    try {
      if (action.isEmpty()) {
        throw new Bad(
            field + ".action", "\"" + written.action() + "\" is not Accept, Deny or Pass");
      }
      List<WrittenPeer> from = Objects.requireNonNullElse(written.from(), List.of());
      List<WrittenPeer> to = Objects.requireNonNullElse(written.to(), List.of());
      List<Ports> ports = protocols(field + ".protocols", written.protocols());
      List<Peer> peers =
          direction == Direction.INGRESS
              ? peers(field + ".from", direction, from)
              : peers(field + ".to", direction, to);
      if (ports.stream().anyMatch(Ports.Named.class::isInstance)
          && !peers.stream().allMatch(Peer.Pods.class::isInstance)) {
        throw new Bad(
            field + ".protocols", "has destinationNamedPort, but only pods have ports with names");
      }
      return Optional.of(new ClusterPolicy.Rule(name, action.get(), new Policy.Rule(peers, ports)));
    } catch (Bad e) {
      if (action.equals(Optional.of(Action.ACCEPT))) {
        problem(object, e, "the rule accepts nothing");
        return Optional.empty();
      }
      problem(object, e, "the rule denies all");
      return Optional.of(
          new ClusterPolicy.Rule(
              name,
              Action.DENY,
              new Policy.Rule(List.of(new Peer.Anyone()), List.of(new Ports.All()))));
    }
  }

  private static Optional<Action> action(@Nullable String text) {
    return switch (text) {
      case "Accept" -> Optional.of(Action.ACCEPT);
      case "Deny" -> Optional.of(Action.DENY);
      case "Pass" -> Optional.of(Action.PASS);
      case null, default -> Optional.empty();
    };
  }

  private static List<Peer> peers(String field, Direction direction, List<WrittenPeer> written)
      throws Bad {
    if (written.isEmpty()) {
      throw new Bad(field, "is missing");
    }
    List<Peer> peers = new ArrayList<>();
    for (int i = 0; i < written.size(); i++) {
      WrittenPeer one = Objects.requireNonNullElse(written.get(i), NO_PEER);
      peer(field + "[" + i + "]", direction, one, peers);
    }
    return peers;
  }

  private static void peer(String field, Direction direction, WrittenPeer peer, List<Peer> peers)
      throws Bad {
    boolean egress = direction == Direction.EGRESS;
    long given =
        Stream.of(peer.namespaces(), peer.pods(), peer.nodes(), peer.networks(), peer.domainNames())
            .filter(Objects::nonNull)
            .count();
    if (given != 1) {
      throw new Bad(
          field,
          (given == 0 ? "has nothing that is known here" : "has more than one")
              + "; give one of namespaces, pods"
              + (egress ? ", nodes, networks" : ""));
    }
    if (peer.namespaces() != null) {
      peers.add(pods(field, peer.namespaces()));
    } else if (peer.pods() != null) {
      peers.add(pods(field + ".pods", peer.pods()));
    } else if (!egress) {
      throw new Bad(field, "is for egress only; give one of namespaces, pods");
    } else if (peer.nodes() != null) {
      peers.add(new Peer.Nodes(selector(field + ".nodes", peer.nodes())));
    } else if (peer.networks() != null) {
      networks(field + ".networks", peer.networks(), peers);
    } else {
      throw new Bad(field + ".domainNames", "is not supported");
    }
  }

  private static void networks(String field, List<String> written, List<Peer> peers) throws Bad {
    if (written.isEmpty()) {
      throw new Bad(field, "is empty");
    }
    for (int i = 0; i < written.size(); i++) {
      try {
        peers.add(new Peer.Block(Prefix.parse(String.valueOf(written.get(i))), List.of()));
      } catch (IllegalArgumentException e) {
        throw new Bad(field + "[" + i + "]", String.valueOf(e.getMessage()));
      }
    }
  }

  private static Peer.Pods pods(String field, NamespacedPods pods) throws Bad {
    return ClusterPolicy.pods(
        pods.namespaceSelector() == null
            ? Selector.EVERY
            : selector(field + ".namespaceSelector", pods.namespaceSelector()),
        selector(field + ".podSelector", pods.podSelector()));
  }

  private static Peer.Pods pods(String field, LabelSelector namespaces) throws Bad {
    return ClusterPolicy.pods(selector(field + ".namespaces", namespaces), Selector.EVERY);
  }

  private static Selector selector(String field, @Nullable LabelSelector selector) throws Bad {
    if (selector == null) {
      throw new Bad(field, "is missing; {} is for all");
    }
    try {
      return Selector.of(selector);
    } catch (IllegalArgumentException e) {
      throw new Bad(field, String.valueOf(e.getMessage()));
    }
  }

  private static List<Ports> protocols(String field, @Nullable List<WrittenProtocol> written)
      throws Bad {
    if (written == null) {
      return List.of(new Ports.All());
    }
    if (written.isEmpty()) {
      throw new Bad(field, "is empty; leave it out for all");
    }
    List<Ports> ports = new ArrayList<>();
    for (int i = 0; i < written.size(); i++) {
      WrittenProtocol one = Objects.requireNonNullElse(written.get(i), NO_PROTOCOL);
      protocol(field + "[" + i + "]", one, ports);
    }
    return ports;
  }

  private static void protocol(String field, WrittenProtocol one, List<Ports> ports) throws Bad {
    long given =
        Stream.of(one.tcp(), one.udp(), one.sctp(), one.destinationNamedPort())
            .filter(Objects::nonNull)
            .count();
    String name = one.destinationNamedPort();
    if (given != 1 || (name != null && name.isEmpty())) {
      throw new Bad(field, "give one of tcp, udp, sctp and destinationNamedPort");
    }
    if (name != null) {
      for (Protocol protocol : Protocol.values()) {
        ports.add(new Ports.Named(protocol, name));
      }
    }
    if (one.tcp() != null) {
      ports.add(ports(field + ".tcp", Protocol.TCP, one.tcp()));
    }
    if (one.udp() != null) {
      ports.add(ports(field + ".udp", Protocol.UDP, one.udp()));
    }
    if (one.sctp() != null) {
      ports.add(ports(field + ".sctp", Protocol.SCTP, one.sctp()));
    }
  }

  private static Ports ports(String field, Protocol protocol, WrittenPorts written) throws Bad {
    WrittenPort port = written.destinationPort();
    if (port == null) {
      throw new Bad(field, "has nothing that is known here; give destinationPort");
    }
    WrittenRange range = port.range();
    if ((port.number() == null) == (range == null)) {
      throw new Bad(field + ".destinationPort", "give one of number and range");
    }
    Integer first = range == null ? port.number() : range.start();
    Integer last = range == null ? port.number() : range.end();
    if (first == null || last == null || first < 1 || last > 65535 || first > last) {
      throw new Bad(
          field + ".destinationPort",
          first + (range == null ? "" : " to " + last) + " is not from 1 to 65535");
    }
    return new Ports.Range(protocol, first, last);
  }

  private void problem(ClusterNetworkPolicy object, Bad bad, String effect) {
    problems.accept(
        "ClusterNetworkPolicy "
            + object.getMetadata().getName()
            + ": "
            + bad.getMessage()
            + "; "
            + effect);
  }
}
