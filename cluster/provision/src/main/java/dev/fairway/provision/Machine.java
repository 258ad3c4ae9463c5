// SPDX-License-Identifier: Apache-2.0
package dev.fairway.provision;

import dev.fairway.net.IpAddress;

/// One machine of a local cluster.
///
/// @param name its host name and, on a worker, its Node's name
/// @param role what it runs
/// @param address its address on the cluster's bridge
/// @param index counted from 0 among the machines of its role
public record Machine(String name, Role role, IpAddress address, int index) {
  /// What a machine runs.
  public enum Role {
    /// API server, controllers and scheduler.
    CONTROLLER,
    /// Pods, and the network that carries them.
    WORKER
  }
}
