// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.rules;

import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import dev.fairway.net.Protocol;
import dev.fairway.net.TransportAddress;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/// All Services of one IP family on one node, as they are to be loaded.
///
/// @param targets what happens at each front
/// @param refused cluster addresses: what comes to them and has no target is refused
/// @param hairpins endpoints on this node that may connect to themselves through a Service
public record RuleSet(Map<Front, Target> targets, Set<IpAddress> refused, Set<IpAddress> hairpins) {
  public static final RuleSet EMPTY = new RuleSet(Map.of(), Set.of(), Set.of());

  public RuleSet {
    targets = Map.copyOf(targets);
    refused = Set.copyOf(refused);
    hairpins = Set.copyOf(hairpins);
  }

  /// What happens at a front; empty if it is nobody's.
  public Optional<Target> target(Front front) {
    return Optional.ofNullable(targets.get(front));
  }

  /// What happens to a connection, as the loaded rules would do it. A connection of an endpoint to
  /// itself is masqueraded only if it is that endpoint's turn, which is not known here.
  ///
  /// @param source where it comes from: an address that node ports are served at is the node's own
  /// @param front where it goes
  /// @param config as the rules were made for
  public Decision decide(IpAddress source, Front front, ServicesConfig config) {
    return switch (targets.get(front)) {
      case null -> withoutTarget(front.address(), config);
      case Target.Refused _ ->
          isOverlooked(source, front, config) ? new Decision.Untouched() : new Decision.Refused();
      case Target.Dropped _ ->
          isOverlooked(source, front, config) ? new Decision.Untouched() : new Decision.Dropped();
      case Target.Balanced balanced
          when isAtSocket(front, balanced) && config.balancesAtSockets(source) ->
          to(balanced.endpoints(), false);
      case Target.Balanced balanced -> decide(source, balanced, config);
    };
  }

  /// Whether sockets may be given the endpoint's address: who asks needs no look, and the port it
  /// asks from, which sockets get later, does not choose.
  private static boolean isAtSocket(Front front, Target.Balanced balanced) {
    return front.protocol() != Protocol.SCTP && balanced.sources().isEmpty() && !balanced.maglev();
  }

  /// kube-proxy's layout does not look at what the node itself sends to an external address.
  private boolean isOverlooked(IpAddress source, Front front, ServicesConfig config) {
    return config.datapath() == ServicesConfig.Datapath.IPTABLES
        && config.nodePortAddresses().contains(source)
        && !config.nodePortAddresses().contains(front.address())
        && !refused.contains(front.address());
  }

  private Decision withoutTarget(IpAddress address, ServicesConfig config) {
    if (config.datapath() == ServicesConfig.Datapath.IPTABLES) {
      return new Decision.Untouched();
    }
    if (refused.contains(address)) {
      return new Decision.Refused();
    }
    boolean nobodys =
        !config.leftAlone().contains(address)
            && config.serviceRanges().stream()
                .anyMatch(range -> range.family() == address.family() && range.contains(address));
    return nobodys ? new Decision.Dropped() : new Decision.Untouched();
  }

  /// For those who come as packets.
  static Decision decide(IpAddress source, Target.Balanced target, ServicesConfig config) {
    List<Prefix> sources = target.sources();
    if (!sources.isEmpty() && sources.stream().noneMatch(range -> range.contains(source))) {
      return new Decision.Dropped();
    }
    boolean pod = config.isPods(source);
    return switch (target.reach()) {
      case EXTERNAL -> to(target.endpoints(), true);
      case CLUSTER -> to(target.endpoints(), config.knowsPods(source) && !pod);
      case LOCAL -> {
        if (pod) {
          yield to(target.endpoints(), false);
        }
        yield config.nodePortAddresses().contains(source)
            ? to(target.endpoints(), true)
            : to(target.here(), false);
      }
    };
  }

  private static Decision to(List<TransportAddress> endpoints, boolean masqueraded) {
    return endpoints.isEmpty()
        ? new Decision.Dropped()
        : new Decision.Redirected(endpoints, masqueraded);
  }

  /// One line a rule, in order, for people and golden files.
  public String print() {
    StringBuilder text = new StringBuilder();
    new TreeMap<>(targets)
        .forEach((front, target) -> text.append(front).append(' ').append(target).append('\n'));
    new TreeSet<>(refused)
        .forEach(address -> text.append("refuse the rest of ").append(address).append('\n'));
    new TreeSet<>(hairpins)
        .forEach(address -> text.append("hairpin ").append(address).append('\n'));
    return text.toString();
  }
}
