// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.policy;

import dev.fairway.net.IpAddress;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/// The peers that rules name, kept up to date, and the rules by these names. Not for several
/// threads.
final class PeerSets {
  private final ClusterFacts facts;
  private final Map<String, LiveSet> sets = new HashMap<>();

  PeerSets(ClusterFacts facts) {
    this.facts = facts;
  }

  void clear() {
    sets.clear();
  }

  void retain(Set<String> names) {
    sets.keySet().retainAll(names);
  }

  /// What a name stands for; null if it is not kept.
  @Nullable PeerSet snapshot(String name) {
    LiveSet set = sets.get(name);
    return set == null ? null : set.snapshot();
  }

  boolean contains(Step step, IpAddress peer, Packet packet) {
    return step.ports().covers(packet)
        && (step.peers().isEmpty()
            || Objects.requireNonNull(snapshot(step.peers())).contains(peer, packet.port()));
  }

  /// A pod of a namespace with these labels is another now.
  void podChanged(@Nullable PodFacts before, @Nullable PodFacts after, Map<String, String> labels) {
    for (LiveSet set : sets.values()) {
      if (before != null) {
        set.remove(before, labels);
      }
      if (after != null) {
        set.add(after, labels);
      }
    }
  }

  void namespacesChanged() {
    fill(LiveSet::followsNamespaces);
  }

  void nodesChanged() {
    fill(LiveSet::followsNodes);
  }

  private void fill(Predicate<LiveSet> which) {
    sets.values().stream().filter(which).forEach(this::fill);
  }

  private void fill(LiveSet set) {
    set.clear();
    facts.served().forEach(pod -> set.add(pod, facts.labelsOf(pod.key().namespace())));
    facts.pods.values().forEach(pod -> set.add(pod, facts.labelsOf(pod.key().namespace())));
    facts.nodes().forEach(set::add);
  }

  /// A rule as steps of the chain of a pod.
  ///
  /// @param found is given the name of the peers, empty for anyone, and their ports; the name is
  ///   kept from now on
  void steps(Direction direction, PodFacts pod, Policy.Rule rule, BiConsumer<String, Ports> found) {
    for (Ports ports : rule.ports()) {
      for (Peer peer : rule.peers()) {
        switch (ports) {
          case Ports.Named named when direction == Direction.EGRESS ->
              found.accept(name(peer, Optional.of(named)), ports);
          case Ports.Named named -> {
            for (int number : pod.numbers(named)) {
              found.accept(
                  name(peer, Optional.empty()), new Ports.Range(named.protocol(), number, number));
            }
          }
          case Ports.All _, Ports.Range _ -> found.accept(name(peer, Optional.empty()), ports);
        }
      }
    }
  }

  /// What a NetworkPolicy's rules allow.
  Set<Step> allowed(Direction direction, PodFacts pod, Iterable<Policy.Rule> rules) {
    Set<Step> steps = new TreeSet<>();
    for (Policy.Rule rule : rules) {
      steps(direction, pod, rule, (peers, ports) -> steps.add(Step.allow(peers, ports)));
    }
    return steps;
  }

  /// What a rule of a ClusterNetworkPolicy says.
  void steps(
      Direction direction,
      PodFacts pod,
      ClusterPolicy policy,
      ClusterPolicy.Rule rule,
      Consumer<Step> found) {
    String by = rule.action() == Action.DENY ? policy.name() : "";
    steps(
        direction,
        pod,
        rule.match(),
        (peers, ports) -> found.accept(new Step(peers, ports, rule.action(), by)));
  }

  private String name(Peer peer, Optional<Ports.Named> port) {
    if (peer instanceof Peer.Anyone && port.isEmpty()) {
      return "";
    }
    String kind =
        port.isPresent()
            ? "ports-"
            : switch (peer) {
              case Peer.Block _ -> "block-";
              case Peer.Nodes _ -> "nodes-";
              case Peer.Anyone _, Peer.Pods _ -> "pods-";
            };
    String name = kind + digest(peer + port.map(one -> " " + one).orElse(""));
    sets.computeIfAbsent(
        name,
        absent -> {
          LiveSet set = new LiveSet(peer, port);
          fill(set);
          return set;
        });
    return name;
  }

  /// Names in the kernel say the same on every node and after a restart.
  static String digest(String text) {
    try {
      byte[] hash =
          MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
      return HexFormat.of().formatHex(hash, 0, 8);
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e); // every Java has it
    }
  }
}
