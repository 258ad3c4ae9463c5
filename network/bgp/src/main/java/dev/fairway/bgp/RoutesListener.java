// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp;

/// Who wants to know the best routes, for example to put them into the kernel.
@FunctionalInterface
public interface RoutesListener {
  /// What changed since the last call. Called on one platform thread of the speaker, never twice at
  /// a time; what changes meanwhile is coalesced, so a slow listener costs no memory but that of
  /// one change a prefix. An exception is logged, and the whole table is told again after a second.
  void changed(RoutesDelta delta) throws Exception;
}
