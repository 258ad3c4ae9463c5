// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.policy;

import dev.fairway.net.IpAddress;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/// What the isolated pods of a node may do, as it is to be loaded.
///
/// @param pods isolated addresses
/// @param chains what is allowed, by a name made of just that
/// @param sets whom the names in chains stand for
record PolicyRules(
    Map<IpAddress, Isolated> pods, Map<String, List<Allow>> chains, Map<String, PeerSet> sets) {
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

  /// Which pod's isolation drops a packet.
  record Dropped(Direction direction, String pod) {}

  private Optional<Dropped> decide(
      Direction direction, IpAddress pod, IpAddress peer, Packet packet) {
    Isolated isolated = pods.get(pod);
    if (isolated == null || isolated.chain(direction).isEmpty()) {
      return Optional.empty();
    }
    for (Allow allow : chains.get(isolated.chain(direction).get())) {
      if (allow.ports().covers(packet)
          && (allow.peers().isEmpty() || sets.get(allow.peers()).contains(peer, packet.port()))) {
        return Optional.empty();
      }
    }
    return Optional.of(new Dropped(direction, isolated.pod()));
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
        .forEach((name, allows) -> {
          text.append(name).append('\n');
          allows.forEach(allow -> text.append("  ").append(allow).append('\n'));
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
