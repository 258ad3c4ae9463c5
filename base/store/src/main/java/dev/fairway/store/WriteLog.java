// SPDX-License-Identifier: Apache-2.0
package dev.fairway.store;

import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// Where the writes go, in revision order. Used by one thread at a time; failures come out as
/// [StoreUnavailable].
sealed interface WriteLog permits SqliteLog, NoLog {
  /// What messages call the store, such as `store file /var/lib/x.db`.
  String subject();

  /// What the store's threads are called by.
  String shortName();

  long compactedRevision();

  /// Gives every row in revision order, checked.
  void replay(Consumer<Row> consumer);

  void append(Row row);

  void delete(long revision);

  void setCompactedRevision(long revision);

  /// Returns when everything since the last commit is as safe as it gets.
  void commit();

  /// Takes back everything since the last commit.
  void rollback();

  void close();

  StoreUnavailable corrupt(String what, @Nullable Throwable cause);
}
