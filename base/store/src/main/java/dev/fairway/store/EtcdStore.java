// SPDX-License-Identifier: Apache-2.0
package dev.fairway.store;

import dev.fairway.store.StoreUnavailable.Reason;
import io.etcd.jetcd.KeyValue;
import io.etcd.jetcd.kv.TxnResponse;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/// The store in an etcd, 3.4 or newer, which several API servers may share.
///
/// A write is one etcd transaction and returns when a majority of the members has it on disk. What
/// is in etcd is also kept here ([EtcdFollower]), so lists and watches cost etcd nothing; a read
/// asks it only for the newest revision and waits until that has arrived here, which makes it as
/// fresh as a read from etcd. Reads that come together share one question.
///
/// The first element of the contract that differs from [EmbeddedStore]: reads may wait, and fail
/// with [Reason#UNREACHABLE] when no majority of members answers. Values may take as many bytes as
/// etcd's `--max-request-bytes` allows, 1.5 MiB if it is not set.
public final class EtcdStore implements Store {
  private final EtcdConfig config;
  private final EtcdConnection etcd;
  private final EtcdFollower follower;
  private final EtcdCompactor compactor;
  private final Object fence = new Object();
  private @Nullable CompletableFuture<Long> asking;
  private @Nullable CompletableFuture<Long> next;

  private EtcdStore(
      EtcdConfig config, EtcdConnection etcd, EtcdFollower follower, EtcdCompactor compactor) {
    this.config = config;
    this.etcd = etcd;
    this.follower = follower;
    this.compactor = compactor;
  }

  /// Connects, and loads what is there.
  ///
  /// @throws StoreUnavailable if no majority of members answers, they refuse this client, or a
  ///   value is there that [EtcdConfig#transformer] cannot read
  public static EtcdStore open(EtcdConfig config) {
    EtcdConnection etcd = new EtcdConnection(config);
    EtcdStore store;
    try {
      EtcdFollower follower = EtcdFollower.start(config, etcd);
      store = new EtcdStore(config, etcd, follower, new EtcdCompactor(etcd));
    } catch (RuntimeException e) {
      etcd.close();
      throw e;
    }
    try {
      store.refresh();
      return store;
    } catch (RuntimeException e) {
      store.close();
      throw e;
    }
  }

  /// Waits until everything that was written before this call is visible here.
  private void refresh() {
    follower.checkReadable();
    long newest;
    try {
      newest = ask().join();
    } catch (CompletionException e) {
      throw etcd.failure("nothing", e.getCause() == null ? e : e.getCause());
    }
    long before;
    boolean arrived;
    do {
      // After a start there may be much to catch up with.
      before = follower.snapshots().visibleRevision();
      arrived = follower.awaitRevision(newest);
    } while (!arrived && follower.snapshots().visibleRevision() > before);
    if (!arrived) {
      throw new StoreUnavailable(
          Reason.UNREACHABLE,
          "etcd " + etcd.where() + " is at revision " + newest + " and does not tell what it wrote",
          null);
    }
  }

  /// Joins the question that will be asked next: the one under way may have been answered already.
  private CompletableFuture<Long> ask() {
    synchronized (fence) {
      if (next == null) {
        next = new CompletableFuture<>();
      }
      CompletableFuture<Long> mine = next;
      if (asking == null) {
        askNext();
      }
      return mine;
    }
  }

  private void askNext() {
    CompletableFuture<Long> question = next;
    next = null;
    asking = question;
    if (question == null) {
      return;
    }
    etcd.newestRevision()
        .orTimeout(EtcdConnection.PATIENCE.toMillis(), TimeUnit.MILLISECONDS)
        .whenComplete((revision, failure) -> {
          synchronized (fence) {
            askNext();
          }
          if (failure == null) {
            question.complete(revision);
          } else {
            question.completeExceptionally(failure);
          }
        });
  }

  @Override
  public long revision() {
    refresh();
    return follower.snapshots().visibleRevision();
  }

  @Override
  public long compactedRevision() {
    return follower.snapshots().compactedRevision();
  }

  @Override
  public @Nullable Entry get(String key) {
    refresh();
    Entry entry = follower.snapshots().get(key);
    return entry == null ? null : EtcdFollower.readable(entry);
  }

  @Override
  public boolean isStale(String key) {
    return follower.isStale(key);
  }

  @Override
  public Page list(String prefix, @Nullable String startAfterKey, int limit, long atRevision) {
    if (atRevision == 0 || atRevision > follower.snapshots().visibleRevision()) {
      refresh();
    } else {
      follower.checkReadable();
    }
    Page page = follower.snapshots().list(prefix, startAfterKey, limit, atRevision);
    page.entries().forEach(EtcdFollower::readable);
    return page;
  }

  @Override
  public long create(String key, byte[] value) {
    TxnResponse response = swap(key, 0, Limits.checked(key, value));
    if (response.isSucceeded()) {
      return written(response);
    }
    throw new KeyExists(follower.entry(actual(response)));
  }

  @Override
  public long update(String key, byte[] value, long expectedModRevision) {
    return change(key, Limits.checked(key, value), expectedModRevision);
  }

  @Override
  public long delete(String key, long expectedModRevision) {
    return change(key, null, expectedModRevision);
  }

  private long change(String key, byte @Nullable [] value, long expectedModRevision) {
    // Zero would mean "not there" to etcd.
    if (expectedModRevision > 0) {
      TxnResponse response = swap(key, expectedModRevision, value);
      if (response.isSucceeded()) {
        return written(response);
      }
      KeyValue stored = actual(response);
      throw new RevisionMismatch(
          key, expectedModRevision, stored == null ? null : follower.entry(stored));
    }
    throw new RevisionMismatch(key, expectedModRevision, get(key));
  }

  private TxnResponse swap(String key, long expectedModRevision, byte @Nullable [] value) {
    follower.checkReadable();
    if (!Limits.checked(key).startsWith(config.keyPrefix())) {
      throw new IllegalArgumentException(key + " does not start with " + config.keyPrefix());
    }
    return etcd.swap(
        key,
        expectedModRevision,
        value == null ? null : config.transformer().toStorage(key, value));
  }

  private static @Nullable KeyValue actual(TxnResponse response) {
    return response.getGetResponses().stream()
        .flatMap(read -> read.getKvs().stream())
        .findFirst()
        .orElse(null);
  }

  /// It is durable, and every read asks etcd first; waiting spares the next one that wait.
  private long written(TxnResponse response) {
    long revision = response.getHeader().getRevision();
    try {
      follower.awaitRevision(revision);
    } catch (StoreUnavailable _) {
      // What was written stays so, even if this store can be read no more.
    }
    return revision;
  }

  @Override
  public Watch watch(String prefix, long afterRevision, Listener listener) {
    if (afterRevision > follower.snapshots().visibleRevision()) {
      refresh();
    } else {
      follower.checkReadable();
    }
    follower.snapshots().requireWatchable(afterRevision);
    return follower.dispatcher().join(prefix, afterRevision, listener);
  }

  @Override
  public void compact(long revision) {
    long newest = revision();
    if (revision > newest) {
      throw new FutureRevision(revision, newest);
    }
    if (revision > compactedRevision()) {
      etcd.compact(revision);
      follower.compact(revision);
    }
  }

  @Override
  public void close() {
    compactor.close();
    follower.close();
    etcd.close();
  }
}
