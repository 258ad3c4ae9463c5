// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

import dev.fairway.net.IpAddress;
import java.util.List;

/// Where many routes go, as an object of its own (nexthop objects, Linux 5.3; `ip nexthop`). Routes
/// name it by number, so one change of it changes them all, however many there are.
public sealed interface NextHop {
  /// Number that no other next hop of the namespace has, at least 1.
  int id();

  /// Who made it, as with [Route#protocol].
  int protocol();

  /// One gateway.
  ///
  /// @param link index of the link it is reached over
  /// @param onlink whether to believe that the gateway is on the link, without looking it up
  record Gateway(int id, int protocol, IpAddress address, int link, boolean onlink)
      implements NextHop {}

  /// Several that share the traffic evenly, by connection (ECMP).
  ///
  /// @param members numbers of gateways, 1 to 256
  record Group(int id, int protocol, List<Integer> members) implements NextHop {
    public Group {
      members = List.copyOf(members);
      if (members.isEmpty() || members.size() > 256) {
        throw new IllegalArgumentException(
            "next hop group " + id + " has " + members.size() + " members; 1 to 256 are possible");
      }
    }
  }
}
