// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp.wire;

import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import java.util.List;
import java.util.Optional;

/// What one speaker says to another (RFC 4271 4).
public sealed interface Message
    permits Message.Open, Message.Update, Message.Keepalive, Message.RouteRefresh, Notification {
  /// The first message of both sides.
  ///
  /// @param as the sender's AS, from the 4-octet capability where it has that
  /// @param holdSeconds what it offers; 0, or 3 to 65535
  /// @param id its BGP identifier
  record Open(long as, int holdSeconds, IpAddress id, List<Capability> capabilities)
      implements Message {
    public Open {
      capabilities = List.copyOf(capabilities);
    }
  }

  /// Routes that are new and routes that are gone.
  ///
  /// @param reached new or changed ones, at most one group a family
  /// @param withdrawn those that are gone, of both families, and those that RFC 7606 treats so
  /// @param endOfRib the family of which all has been told (RFC 4724 2)
  /// @param faults what was wrong and did not end the session, for people
  record Update(
      List<Reached> reached,
      List<Prefix> withdrawn,
      Optional<IpFamily> endOfRib,
      List<String> faults)
      implements Message {
    public Update {
      reached = List.copyOf(reached);
      withdrawn = List.copyOf(withdrawn);
      faults = List.copyOf(faults);
    }
  }

  /// Prefixes of one family that are reached in the same way.
  record Reached(PathAttributes attributes, List<Prefix> prefixes) {
    public Reached {
      prefixes = List.copyOf(prefixes);
    }
  }

  /// The session goes on.
  record Keepalive() implements Message {}

  /// Asks for all routes of a family again (RFC 2918), or brackets them (RFC 7313).
  ///
  /// @param family empty if it is none of ours
  /// @param subtype 0 a request, 1 and 2 the beginning and the end of the answer
  record RouteRefresh(Optional<IpFamily> family, int subtype) implements Message {
    public static final int REQUEST = 0;
    public static final int BEGIN = 1;
    public static final int END = 2;
  }
}
