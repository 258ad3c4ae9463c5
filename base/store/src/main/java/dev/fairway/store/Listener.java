// SPDX-License-Identifier: Apache-2.0
package dev.fairway.store;

import java.util.List;
import org.jspecify.annotations.Nullable;

/// Receives a watch's events. The store calls it on its one dispatcher thread, never two calls at
/// once, so it must hand over quickly and not block: while it runs, no other watch gets anything. A
/// listener that throws ends its own watch. It may call the store's reads and [Watch#close].
public interface Listener {
  /// Changes under the watched prefix, at least one, in revision order, each exactly once.
  void events(List<Event> events);

  /// Nothing follows: the store was closed (null) or the watch could not go on, as with [Compacted]
  /// when the dispatcher fell behind history. Not called after [Watch#close].
  void ended(@Nullable StoreException cause);
}
