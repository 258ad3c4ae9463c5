// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.hostport;

import dev.fairway.net.IpAddress;
import dev.fairway.net.Protocol;
import dev.fairway.net.TransportAddress;
import dev.fairway.podnet.cni.Capabilities.PortMapping;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// One port of the node and where it leads.
///
/// @param hostAddress the node's address it is for, empty for all of the target's family
/// @param target address and port of the pod
public record HostPort(
    Protocol protocol, Optional<IpAddress> hostAddress, int port, TransportAddress target) {
  /// What the mappings mean for a pod with these addresses: one each and family, as far as the
  /// mapping's own address lets it.
  public static List<HostPort> of(List<PortMapping> mappings, List<IpAddress> addresses) {
    List<HostPort> ports = new ArrayList<>();
    for (PortMapping mapping : mappings) {
      for (IpAddress address : addresses) {
        Optional<IpAddress> host = mapping.hostAddress();
        if (host.isPresent() && host.get().family() != address.family()) {
          continue;
        }
        boolean any = host.isEmpty() || (host.get().high() == 0 && host.get().low() == 0);
        ports.add(
            new HostPort(
                mapping.protocol(),
                any ? Optional.empty() : host,
                mapping.hostPort(),
                new TransportAddress(address, mapping.containerPort())));
      }
    }
    return ports;
  }

  /// Whether a packet could be for both.
  boolean overlaps(HostPort other) {
    return protocol == other.protocol
        && port == other.port
        && target.address().family() == other.target.address().family()
        && (hostAddress.isEmpty()
            || other.hostAddress.isEmpty()
            || hostAddress.equals(other.hostAddress));
  }
}
