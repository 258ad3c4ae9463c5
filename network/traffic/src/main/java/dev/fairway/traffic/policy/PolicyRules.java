// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.policy;

import dev.fairway.net.IpAddress;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/// What the isolated pods of a node may do, as it is to be loaded.
///
/// @param pods isolated addresses
/// @param chains what is done with their connections, by a name made of just that
/// @param sets whom the names in chains stand for
record PolicyRules(
    Map<IpAddress, Isolated> pods, Map<String, Chain> chains, Map<String, PeerSet> sets) {
  static final PolicyRules NONE = new PolicyRules(Map.of(), Map.of(), Map.of());

  /// How an address is isolated.
  ///
  /// @param pod `namespace/name`
  /// @param ingress the chain of what may come; empty if that is not restricted
  /// @param egress the chain of what it may send; empty likewise
  record Isolated(String pod, Optional<String> ingress, Optional<String> egress) {
    Optional<String> chain(Direction direction) {
      return switch (direction) {
        case INGRESS -> ingress;
        case EGRESS -> egress;
      };
    }
  }

  PolicyRules {
    pods = Map.copyOf(pods);
    chains = Map.copyOf(chains);
    sets = Map.copyOf(sets);
  }

  /// Which direction forbids a connection, of which pod; empty if none does. As the loaded rules
  /// would do it.
  Optional<Dropped> decide(Packet packet) {
    if (packet.source().equals(packet.destination())) {
      return Optional.empty();
    }
    return decide(Direction.EGRESS, packet.source(), packet.destination(), packet)
        .or(() -> decide(Direction.INGRESS, packet.destination(), packet.source(), packet));
  }

  /// Whose rules drop a packet.
  ///
  /// @param by the ClusterNetworkPolicy that denies it; empty if the pod's isolation drops it
  record Dropped(Direction direction, String pod, String by) {}

  private Optional<Dropped> decide(
      Direction direction, IpAddress pod, IpAddress peer, Packet packet) {
    Isolated isolated = pods.get(pod);
    Optional<String> name = isolated == null ? Optional.empty() : isolated.chain(direction);
    while (isolated != null && name.isPresent()) {
      Chain chain = Objects.requireNonNull(chains.get(name.get()));
      Optional<Step> decides = first(chain, peer, packet);
      switch (decides.map(Step::action).orElse(Action.PASS)) {
        case ACCEPT -> {
          return Optional.empty();
        }
        case DENY -> {
          String by = decides.map(Step::by).orElse("");
          return Optional.of(new Dropped(direction, isolated.pod(), by));
        }
        case PASS -> {
          switch (chain.rest()) {
            case Chain.Rest.Allowed() -> {
              return Optional.empty();
            }
            case Chain.Rest.Dropped() -> {
              return Optional.of(new Dropped(direction, isolated.pod(), ""));
            }
            case Chain.Rest.Next(String next) -> name = Optional.of(next);
          }
        }
      }
    }
    return Optional.empty();
  }

  private Optional<Step> first(Chain chain, IpAddress peer, Packet packet) {
    for (Step step : chain.steps()) {
      if (step.ports().covers(packet)
          && (step.peers().isEmpty()
              || Objects.requireNonNull(sets.get(step.peers())).contains(peer, packet.port()))) {
        return Optional.of(step);
      }
    }
    return Optional.empty();
  }

  /// The ClusterNetworkPolicies that deny something.
  Set<String> denying() {
    Set<String> names = new TreeSet<>();
    for (Chain chain : chains.values()) {
      for (Step step : chain.steps()) {
        if (!step.by().isEmpty()) {
          names.add(step.by());
        }
      }
    }
    return names;
  }

  /// One line a rule, in order, for people and golden files.
  String print() {
    StringBuilder text = new StringBuilder();
    new TreeMap<>(pods)
        .forEach((address, isolated) ->
            text.append(address)
                .append(' ')
                .append(isolated.pod())
                .append(isolated.ingress().map(chain -> " to " + chain).orElse(""))
                .append(isolated.egress().map(chain -> " from " + chain).orElse(""))
                .append('\n'));
    new TreeMap<>(chains)
        .forEach((name, chain) -> {
          text.append(name).append('\n');
          chain.steps().forEach(step -> text.append("  ").append(step).append('\n'));
          text.append("  ").append(chain.rest()).append('\n');
        });
    new TreeMap<>(sets)
        .forEach((name, set) -> text.append(name).append(' ').append(describe(set)).append('\n'));
    return text.toString();
  }

  private static String describe(PeerSet set) {
    return switch (set) {
      case PeerSet.Addresses(var addresses) -> addresses.stream().sorted().toList().toString();
      case PeerSet.Endpoints(var endpoints) -> endpoints.stream().sorted().toList().toString();
      case PeerSet.Block(Peer.Block block) -> block.toString();
    };
  }
}
