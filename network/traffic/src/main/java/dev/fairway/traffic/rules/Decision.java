// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.rules;

import dev.fairway.net.TransportAddress;
import java.util.List;

/// What the rules do with the first packet of a connection.
public sealed interface Decision {
  /// It goes to one of these endpoints.
  ///
  /// @param endpoints each as likely as the others; with affinity, the one of the client's last
  ///   connection
  /// @param masqueraded whether it then comes from the node
  record Redirected(List<TransportAddress> endpoints, boolean masqueraded) implements Decision {
    public Redirected {
      endpoints = List.copyOf(endpoints);
    }
  }

  /// It is answered with a reset or "port unreachable".
  record Refused() implements Decision {}

  /// It gets no answer.
  record Dropped() implements Decision {}

  /// Services have nothing to do with it.
  record Untouched() implements Decision {}
}
