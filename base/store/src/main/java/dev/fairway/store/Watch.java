// SPDX-License-Identifier: Apache-2.0
package dev.fairway.store;

/// A running watch.
public interface Watch extends AutoCloseable {
  /// Everything under the prefix up to this revision has been given to the listener, even when the
  /// newest of it was nothing. What a bookmark may promise: read it, then queue the bookmark behind
  /// the events.
  long deliveredRevision();

  /// Ends it. At most the call in progress still reaches the listener. Idempotent.
  @Override
  void close();
}
