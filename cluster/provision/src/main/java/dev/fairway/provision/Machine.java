// SPDX-License-Identifier: Apache-2.0
package dev.fairway.provision;

import dev.fairway.net.IpAddress;
import java.util.List;

/// One machine of a local cluster.
///
/// @param name its host name and, on a worker, its Node's name
/// @param role what it runs
/// @param addresses its addresses on the cluster's bridge, one a family, the primary first
/// @param index counted from 0 among the machines of its role
public record Machine(String name, Role role, List<IpAddress> addresses, int index) {
  public Machine {
    addresses = List.copyOf(addresses);
  }

  /// The address by which it is known where only one can be.
  public IpAddress address() {
    return addresses.getFirst();
  }

  /// What a machine runs.
  public enum Role {
    /// API server, controllers and scheduler.
    CONTROLLER,
    /// Pods, and the network that carries them.
    WORKER
  }
}
