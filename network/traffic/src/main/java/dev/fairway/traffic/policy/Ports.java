// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.policy;

import dev.fairway.net.Protocol;
import java.util.Locale;

/// Which ports of the receiver a rule is about.
sealed interface Ports {
  /// Every port of every protocol, also of those without ports.
  record All() implements Ports {
    @Override
    public String toString() {
      return "all ports";
    }
  }

  /// Some ports of one protocol.
  ///
  /// @param first up to `last`, both included
  record Range(Protocol protocol, int first, int last) implements Ports {
    public Range {
      if (first < 0 || last > 65535 || first > last) {
        throw new IllegalArgumentException("ports " + first + " to " + last);
      }
    }

    static Range every(Protocol protocol) {
      return new Range(protocol, 0, 65535);
    }

    boolean isEvery() {
      return first == 0 && last == 65535;
    }

    @Override
    public String toString() {
      String name = protocol.name().toLowerCase(Locale.ROOT);
      return isEvery() ? name : name + " " + first + (first == last ? "" : "-" + last);
    }
  }

  /// What the receiving pod calls so.
  record Named(Protocol protocol, String name) implements Ports {
    @Override
    public String toString() {
      return protocol.name().toLowerCase(Locale.ROOT) + " " + name;
    }
  }

  /// The number matches, if the name is known to be resolved elsewhere.
  default boolean covers(Packet packet) {
    return switch (this) {
      case All() -> true;
      case Range(Protocol protocol, int first, int last) ->
          packet.protocol() == protocol && packet.port() >= first && packet.port() <= last;
      case Named(Protocol protocol, String _) -> packet.protocol() == protocol;
    };
  }
}
