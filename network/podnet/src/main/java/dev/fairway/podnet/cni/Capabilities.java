// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.cni;

import dev.fairway.net.IpAddress;
import dev.fairway.net.MacAddress;
import dev.fairway.net.Prefix;
import dev.fairway.net.Protocol;
import java.util.List;
import java.util.Optional;

/// What the runtime asks for beside the network itself: `runtimeConfig`, by the conventions of the
/// specification. A runtime passes a part only if the configuration's `capabilities` names it.
///
/// @param portMappings ports of the node that lead to the pod
/// @param bandwidth limits of the pod
/// @param ipRanges the ranges to take addresses from; each inner list is for one address
/// @param mac of the pod's interface
/// @param aliases names of the pod on this network
/// @param dns what the result shall say about names
public record Capabilities(
    List<PortMapping> portMappings,
    Optional<Bandwidth> bandwidth,
    List<List<IpRange>> ipRanges,
    Optional<MacAddress> mac,
    List<String> aliases,
    Optional<CniResult.Dns> dns) {
  public static final Capabilities NONE =
      new Capabilities(
          List.of(), Optional.empty(), List.of(), Optional.empty(), List.of(), Optional.empty());

  public Capabilities {
    portMappings = List.copyOf(portMappings);
    ipRanges = List.copyOf(ipRanges);
    aliases = List.copyOf(aliases);
  }

  /// A port of the node that leads to the pod.
  ///
  /// @param hostAddress the node's address it is for; empty for all of both families, the address 0
  ///   of a family for all of that
  public record PortMapping(
      Protocol protocol, Optional<IpAddress> hostAddress, int hostPort, int containerPort) {}

  /// Limits, in bits and bits a second; a rate of 0 is no limit.
  ///
  /// @param ingressRate towards the pod
  /// @param egressRate from the pod
  public record Bandwidth(long ingressRate, long ingressBurst, long egressRate, long egressBurst) {}

  /// A part of a subnet.
  public record IpRange(
      Prefix subnet,
      Optional<IpAddress> from,
      Optional<IpAddress> to,
      Optional<IpAddress> gateway) {}
}
