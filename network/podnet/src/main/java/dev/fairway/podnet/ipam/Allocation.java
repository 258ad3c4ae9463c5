// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.ipam;

import dev.fairway.net.IpAddress;
import java.util.List;

/// Addresses that are in use.
///
/// @param owner who has them
/// @param addresses one a range
public record Allocation(Owner owner, List<IpAddress> addresses) {
  public Allocation {
    addresses = List.copyOf(addresses);
  }

  /// Who has an address. No part may hold white space.
  ///
  /// @param containerId of the sandbox
  /// @param interfaceName inside the sandbox
  /// @param podUid of the pod the sandbox is for, empty if unknown
  /// @param pod its namespace and name, for people; empty if unknown
  public record Owner(String containerId, String interfaceName, String podUid, String pod) {
    public Owner {
      for (String part : List.of(containerId, interfaceName, podUid, pod)) {
        for (int i = 0; i < part.length(); i++) {
          if (Character.isWhitespace(part.charAt(i))) {
            throw new IllegalArgumentException("white space in \"" + part + "\"");
          }
        }
      }
    }
  }
}
