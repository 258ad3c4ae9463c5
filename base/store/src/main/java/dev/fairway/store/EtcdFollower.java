// SPDX-License-Identifier: Apache-2.0
package dev.fairway.store;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.fairway.store.StoreUnavailable.Reason;
import io.etcd.jetcd.ByteSequence;
import io.etcd.jetcd.KeyValue;
import io.etcd.jetcd.Watch;
import io.etcd.jetcd.Watch.Watcher;
import io.etcd.jetcd.common.exception.CompactedException;
import io.etcd.jetcd.kv.GetResponse;
import io.etcd.jetcd.watch.WatchEvent;
import io.etcd.jetcd.watch.WatchResponse;
import java.security.GeneralSecurityException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Keeps [Snapshots] equal to what is in etcd: loads it, follows one watch over everything, takes
/// the watch up again where it broke off. A thread of its own does all of it.
///
/// The client library would take a broken watch up by itself, but from the revision that etcd had
/// when the watch began, not from the last event that arrived: what lies between would be lost. So
/// a watch that breaks is closed here and a new one begun.
final class EtcdFollower implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(EtcdFollower.class);
  private static final int PAGE = 500;
  private static final byte[] UNREADABLE = new byte[0];
  private static final long RETRY_MILLIS = 250;

  /// What etcd may tell ahead of what is taken in; then its stream has to wait.
  private static final int MAX_WAITING_MESSAGES = 256;

  /// What the watch of a generation says.
  private sealed interface Message {
    record Events(int generation, List<WatchEvent> events) implements Message {}

    record Broken(int generation, @Nullable Throwable cause) implements Message {}

    record Compact(long revision, CompletableFuture<Void> done) implements Message {}
  }

  private final EtcdConfig config;
  private final EtcdConnection etcd;
  private final Snapshots snapshots;
  private final StaleKeys stale;
  private final WatchDispatcher dispatcher;
  private final LinkedBlockingQueue<Message> inbox =
      new LinkedBlockingQueue<>(MAX_WAITING_MESSAGES);
  private final ConcurrentSkipListMap<Long, CompletableFuture<Void>> waiting =
      new ConcurrentSkipListMap<>();
  private final Thread thread;
  private @Nullable Watcher watcher;
  private final AtomicInteger generation = new AtomicInteger();
  private boolean broken;
  private boolean outageTold;
  private volatile @Nullable StoreUnavailable unreadable;
  private volatile boolean stopping;

  private EtcdFollower(
      EtcdConfig config, EtcdConnection etcd, Snapshots snapshots, StaleKeys stale) {
    this.config = config;
    this.etcd = etcd;
    this.snapshots = snapshots;
    this.stale = stale;
    this.dispatcher = new WatchDispatcher(snapshots, "store-watch-etcd");
    this.thread = Thread.ofPlatform().name("store-etcd").daemon().unstarted(this::run);
  }

  /// Loads the state; history begins as far back as etcd still has it, within the bounds.
  static EtcdFollower start(EtcdConfig config, EtcdConnection etcd) {
    StaleKeys stale = new StaleKeys();
    long newest = etcd.awaitNewestRevision();
    long revision =
        Math.max(
            Math.max(1, EtcdCompactor.lastCompaction(etcd)), newest - config.historyRevisions());
    Map<String, Entry> state = load(config, etcd, stale, revision);
    while (state == null) {
      revision = etcd.awaitNewestRevision();
      state = load(config, etcd, stale, revision);
    }
    Snapshots snapshots = new Snapshots(revision);
    state.values().forEach(snapshots::load);
    EtcdFollower follower = new EtcdFollower(config, etcd, snapshots, stale);
    follower.watch();
    follower.thread.start();
    follower.dispatcher.start();
    return follower;
  }

  /// All entries at a revision, or null if it is compacted.
  private static @Nullable Map<String, Entry> load(
      EtcdConfig config, EtcdConnection etcd, StaleKeys stale, long revision) {
    Map<String, Entry> state = new TreeMap<>();
    ByteSequence from = EtcdConnection.bytes(config.keyPrefix());
    ByteSequence end = EtcdConnection.bytes(after(config.keyPrefix()));
    while (true) {
      GetResponse page = etcd.range(from, end, revision, PAGE);
      if (page == null) {
        return null;
      }
      for (KeyValue stored : page.getKvs()) {
        Entry entry = entry(config, stale, key(stored), stored);
        state.put(entry.key(), entry);
      }
      if (!page.isMore() || page.getKvs().isEmpty()) {
        return state;
      }
      from = page.getKvs().getLast().getKey().concat(ByteSequence.from(new byte[] {0}));
    }
  }

  /// The first string after all that begin with a prefix, which is in ASCII.
  private static String after(String prefix) {
    return prefix.substring(0, prefix.length() - 1)
        + (char) (prefix.charAt(prefix.length() - 1) + 1);
  }

  private static String key(KeyValue stored) {
    return stored.getKey().toString(UTF_8);
  }

  private static Entry entry(EtcdConfig config, StaleKeys stale, String key, KeyValue stored) {
    try {
      Transformer.Plain plain = config.transformer().fromStorage(key, stored.getValue().getBytes());
      stale.note(key, plain.stale());
      return new Entry(key, plain.value(), stored.getCreateRevision(), stored.getModRevision());
    } catch (GeneralSecurityException e) {
      LOG.error("etcd: {}", e.getMessage());
      return new Entry(key, UNREADABLE, stored.getCreateRevision(), stored.getModRevision());
    }
  }

  /// The entry, if its value could be read.
  ///
  /// @throws StoreUnavailable if it could not; the other entries are not concerned
  static Entry readable(Entry entry) {
    if (isUnreadable(entry)) {
      throw new StoreUnavailable(
          Reason.CORRUPT,
          "etcd: "
              + entry.key()
              + " cannot be decrypted with the keys of the encryption configuration; the log of"
              + " when it was read says more",
          null);
    }
    return entry;
  }

  @SuppressWarnings("ReferenceEquality") // it stands for the value that is not known
  private static boolean isUnreadable(@Nullable Entry entry) {
    return entry != null && entry.value() == UNREADABLE;
  }

  Snapshots snapshots() {
    return snapshots;
  }

  WatchDispatcher dispatcher() {
    return dispatcher;
  }

  boolean isStale(String key) {
    return stale.contains(key);
  }

  /// The entry as etcd told it, for one that is ahead of what was followed so far.
  Entry entry(KeyValue stored) {
    return entry(config, new StaleKeys(), key(stored), stored);
  }

  void checkReadable() {
    StoreUnavailable cause = unreadable;
    if (cause != null) {
      throw new StoreUnavailable(cause.reason(), String.valueOf(cause.getMessage()), cause);
    }
    if (stopping) {
      throw closed();
    }
  }

  /// Waits until a revision is visible.
  ///
  /// @return false if it was not within a bounded time
  boolean awaitRevision(long revision) {
    if (snapshots.visibleRevision() >= revision) {
      return true;
    }
    CompletableFuture<Void> seen =
        waiting.computeIfAbsent(revision, _ -> new CompletableFuture<>());
    if (snapshots.visibleRevision() >= revision) {
      waiting.remove(revision, seen);
      seen.complete(null);
      return true;
    }
    try {
      // Each waits for a time of its own.
      seen.copy().orTimeout(EtcdConnection.PATIENCE.toMillis(), TimeUnit.MILLISECONDS).join();
      return true;
    } catch (CompletionException e) {
      checkReadable();
      return false;
    }
  }

  /// Forgets history before a revision, on the thread that may.
  void compact(long revision) {
    CompletableFuture<Void> done = new CompletableFuture<>();
    send(new Message.Compact(revision, done), () -> true);
    try {
      done.orTimeout(EtcdConnection.PATIENCE.toMillis(), TimeUnit.MILLISECONDS).join();
    } catch (CompletionException e) {
      checkReadable();
      throw e;
    }
  }

  /// Blocks while the queue is full, which holds up etcd's stream and not memory; but not for a
  /// watch that is over, which may be ended by the one thread that empties the queue.
  private void send(int of, Message message) {
    send(message, () -> of == generation.get());
  }

  private void send(Message message, BooleanSupplier wanted) {
    try {
      while (!stopping
          && wanted.getAsBoolean()
          && !inbox.offer(message, RETRY_MILLIS, TimeUnit.MILLISECONDS)) {
        // It is taken in, or nobody wants it any more.
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void run() {
    try {
      while (!stopping) {
        Message message = inbox.poll(RETRY_MILLIS, TimeUnit.MILLISECONDS);
        if (message != null) {
          take(message);
        } else if (broken) {
          watch();
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (RuntimeException e) {
      LOG.error("what is in etcd cannot be followed any more", e);
      unreadable =
          e instanceof StoreUnavailable told
              ? told
              : new StoreUnavailable(Reason.CORRUPT, "etcd: internal failure: " + e, e);
    } finally {
      closeWatcher();
      StoreUnavailable cause = unreadable == null ? closed() : unreadable;
      waiting.values().forEach(seen -> seen.completeExceptionally(cause));
      for (Message late = inbox.poll(); late != null; late = inbox.poll()) {
        if (late instanceof Message.Compact compact) {
          compact.done().completeExceptionally(cause);
        }
      }
    }
  }

  private void take(Message message) {
    switch (message) {
      case Message.Events(int of, List<WatchEvent> events) -> {
        if (of == generation.get()) {
          outageTold = false;
          apply(events);
        }
      }
      case Message.Broken(int of, Throwable cause) -> {
        if (of == generation.get()) {
          mend(cause);
        }
      }
      case Message.Compact(long revision, CompletableFuture<Void> done) -> {
        snapshots.compact(Math.min(revision, snapshots.visibleRevision()));
        done.complete(null);
      }
    }
  }

  private void watch() {
    broken = false;
    int mine = generation.incrementAndGet();
    Watch.Listener listener =
        Watch.listener(
            (WatchResponse response) -> send(mine, new Message.Events(mine, response.getEvents())),
            error -> send(mine, new Message.Broken(mine, error)),
            () -> send(mine, new Message.Broken(mine, null)));
    watcher = etcd.watchAll(snapshots.visibleRevision() + 1, listener);
  }

  private void mend(@Nullable Throwable cause) {
    closeWatcher();
    if (cause instanceof CompactedException) {
      reload();
      return;
    }
    if (!outageTold) {
      outageTold = true;
      LOG.warn(
          "the watch of etcd {} broke off, it is taken up again: {}",
          etcd.where(),
          cause == null ? "ended" : String.valueOf(cause.getMessage()));
    }
    broken = true;
  }

  /// What happened since is compacted: begins anew with what is there now.
  private void reload() {
    LOG.warn("etcd {} compacted what was not read yet; reading everything anew", etcd.where());
    try {
      long revision = etcd.awaitNewestRevision();
      Map<String, Entry> state = load(config, etcd, stale, revision);
      if (state != null) {
        snapshots.restart(revision, state);
        tellVisible();
      }
    } catch (StoreUnavailable e) {
      if (e.reason() != Reason.UNREACHABLE) {
        throw e;
      }
      LOG.warn("{}", e.getMessage());
    }
    broken = true;
  }

  private void closeWatcher() {
    Watcher ended = watcher;
    watcher = null;
    generation.incrementAndGet();
    if (ended != null) {
      ended.close();
    }
  }

  private void apply(List<WatchEvent> told) {
    long revision = snapshots.visibleRevision();
    List<Event> events = new ArrayList<>();
    for (WatchEvent event : told) {
      KeyValue stored = event.getKeyValue();
      if (stored.getModRevision() <= snapshots.visibleRevision()) {
        continue;
      }
      if (stored.getModRevision() > revision) {
        append(revision, events);
        events = new ArrayList<>();
        revision = stored.getModRevision();
      }
      String key = key(stored);
      if (key.startsWith(config.keyPrefix())) {
        push(event, revision, key, events);
      }
    }
    append(revision, events);
    if (revision > snapshots.visibleRevision()) {
      snapshots.publish(revision);
      tellVisible();
      snapshots.compact(snapshots.oldestWithin(config.historyRevisions(), config.historyBytes()));
    }
  }

  private void append(long revision, List<Event> events) {
    if (!events.isEmpty()) {
      snapshots.history().append(revision, List.copyOf(events));
    }
  }

  private void push(WatchEvent event, long revision, String key, List<Event> events) {
    Entry before = snapshots.newest(key);
    if (event.getEventType() == WatchEvent.EventType.DELETE) {
      if (before != null) {
        tell(snapshots.push(revision, before.key(), null), events);
        stale.forget(key);
      }
      return;
    }
    String known = before == null ? key : before.key();
    tell(snapshots.push(revision, known, entry(config, stale, known, event.getKeyValue())), events);
  }

  /// A value that cannot be read is no news: it comes when somebody writes it so that it can.
  private static void tell(Event event, List<Event> events) {
    if (isUnreadable(event.entry())) {
      return;
    }
    events.add(
        isUnreadable(event.before())
            ? new Event(event.type(), event.entry(), null, event.revision())
            : event);
  }

  private void tellVisible() {
    dispatcher.wake();
    Map<Long, CompletableFuture<Void>> seen = waiting.headMap(snapshots.visibleRevision(), true);
    seen.values()
        .removeIf(waiter -> {
          waiter.complete(null);
          return true;
        });
  }

  private static StoreUnavailable closed() {
    return new StoreUnavailable(Reason.CLOSED, "the store in etcd has been closed", null);
  }

  @Override
  public void close() {
    stopping = true;
    thread.interrupt();
    dispatcher.stop();
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
