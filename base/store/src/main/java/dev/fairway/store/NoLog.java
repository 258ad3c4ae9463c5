// SPDX-License-Identifier: Apache-2.0
package dev.fairway.store;

import dev.fairway.store.StoreUnavailable.Reason;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// Keeps nothing: the writes live as long as the store that holds them in memory.
final class NoLog implements WriteLog {
  @Override
  public String subject() {
    return "the store in memory";
  }

  @Override
  public String shortName() {
    return "memory";
  }

  @Override
  public long compactedRevision() {
    return 1;
  }

  @Override
  public void replay(Consumer<Row> consumer) {}

  @Override
  public void append(Row row) {}

  @Override
  public void delete(long revision) {}

  @Override
  public void setCompactedRevision(long revision) {}

  @Override
  public void commit() {}

  @Override
  public void rollback() {}

  @Override
  public void close() {}

  @Override
  public StoreUnavailable corrupt(String what, @Nullable Throwable cause) {
    return new StoreUnavailable(Reason.CORRUPT, subject() + " is damaged: " + what, cause);
  }
}
