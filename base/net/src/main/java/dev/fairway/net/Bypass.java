// SPDX-License-Identifier: Apache-2.0
package dev.fairway.net;

import java.util.List;
import java.util.Set;

/// A way of packets between pods past the node's stack, where no rule sees them.
public interface Bypass {
  /// There is no such way.
  Bypass NONE =
      new Bypass() {
        @Override
        public void keepOff(Set<IpAddress> addresses) {}

        @Override
        public List<Begun> begun() {
          return List.of();
        }
      };

  /// A TCP connection, by who opened it and where to.
  record Begun(TransportAddress client, TransportAddress server) {}

  /// From when this returns on, packets from and to these addresses take the stack. Those of others
  /// need not.
  void keepOff(Set<IpAddress> addresses);

  /// The open connections of this node's pods that were begun past the stack, which does not know
  /// of them; some of them may have ended.
  List<Begun> begun();
}
