// SPDX-License-Identifier: Apache-2.0
package dev.fairway.store;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.fairway.store.StoreUnavailable.Reason;
import io.etcd.jetcd.ByteSequence;
import io.etcd.jetcd.Client;
import io.etcd.jetcd.ClientBuilder;
import io.etcd.jetcd.KV;
import io.etcd.jetcd.Watch.Watcher;
import io.etcd.jetcd.common.exception.ErrorCode;
import io.etcd.jetcd.common.exception.EtcdException;
import io.etcd.jetcd.common.exception.EtcdExceptionFactory;
import io.etcd.jetcd.kv.GetResponse;
import io.etcd.jetcd.kv.TxnResponse;
import io.etcd.jetcd.op.Cmp;
import io.etcd.jetcd.op.CmpTarget;
import io.etcd.jetcd.op.Op;
import io.etcd.jetcd.options.DeleteOption;
import io.etcd.jetcd.options.GetOption;
import io.etcd.jetcd.options.PutOption;
import io.etcd.jetcd.options.WatchOption;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/// The requests we make of etcd, each waited for a bounded time, with etcd's failures in our words.
final class EtcdConnection implements AutoCloseable {
  /// Longer than etcd's own patience with its disk and its peers, 7 s.
  static final Duration PATIENCE = Duration.ofSeconds(10);

  /// As long as members need to elect another leader.
  private static final Duration RETRYING = Duration.ofSeconds(3);

  private static final Duration KEEP_ALIVE = Duration.ofSeconds(30);

  /// First key and end of a range that is everything.
  private static final ByteSequence EVERYTHING = ByteSequence.from(new byte[] {0});

  private final EtcdConfig config;
  private final Client client;
  private final KV kv;

  EtcdConnection(EtcdConfig config) {
    this.config = config;
    ClientBuilder builder =
        Client.builder()
            .endpoints(config.endpoints())
            .maxInboundMessageSize(Integer.MAX_VALUE)
            .keepaliveTime(KEEP_ALIVE)
            .keepaliveTimeout(PATIENCE)
            .connectTimeout(PATIENCE)
            // A write that waited for a connection could be done long after its caller gave it up.
            .waitForReady(false)
            .retryMaxDuration(RETRYING);
    EtcdConfig.Tls tls = config.tls();
    if (tls != null) {
      try {
        builder.sslContext(context -> {
          context.trustManager(tls.authority().toFile());
          context.keyManager(tls.certificate().toFile(), tls.key().toFile());
        });
      } catch (IOException | IllegalArgumentException e) {
        throw new StoreUnavailable(
            Reason.REFUSED,
            "etcd client certificate " + tls.certificate() + ", its key or authority: " + e,
            e);
      }
    }
    client = builder.build();
    kv = client.getKVClient();
  }

  static ByteSequence bytes(String key) {
    return ByteSequence.from(key, UTF_8);
  }

  /// Asks for the newest revision, as agreed by the members.
  CompletableFuture<Long> newestRevision() {
    return kv.get(EVERYTHING, GetOption.builder().withKeysOnly(true).build())
        .thenApply(response -> response.getHeader().getRevision());
  }

  long awaitNewestRevision() {
    return await("its revision", newestRevision());
  }

  GetResponse getOne(String key) {
    return await(key, kv.get(bytes(key)));
  }

  /// A page of keys at one revision, in etcd's order, from a key on.
  ///
  /// @return null if the revision is compacted
  @Nullable GetResponse range(ByteSequence from, ByteSequence end, long revision, int limit) {
    GetOption.Builder option =
        GetOption.builder().withRange(end).withLimit(limit).withRevision(revision);
    try {
      return await("a range", kv.get(from, option.build()));
    } catch (EtcdRefusal refusal) {
      if (refusal.code() == ErrorCode.OUT_OF_RANGE) {
        return null;
      }
      throw refusal.unavailable();
    }
  }

  /// Puts (or with null deletes) a key if its last revision is as expected, else reads it.
  TxnResponse swap(String key, long expectedModRevision, byte @Nullable [] value) {
    ByteSequence name = bytes(key);
    Op write =
        value == null
            ? Op.delete(name, DeleteOption.DEFAULT)
            : Op.put(name, ByteSequence.from(value), PutOption.DEFAULT);
    return txn(
        key,
        new Cmp(name, Cmp.Op.EQUAL, CmpTarget.modRevision(expectedModRevision)),
        write,
        Op.get(name, GetOption.DEFAULT));
  }

  /// Puts a key if it has been written so many times, else reads it.
  TxnResponse putAtVersion(String key, long version, String value) {
    ByteSequence name = bytes(key);
    return txn(
        key,
        new Cmp(name, Cmp.Op.EQUAL, CmpTarget.version(version)),
        Op.put(name, ByteSequence.from(value, UTF_8), PutOption.DEFAULT),
        Op.get(name, GetOption.DEFAULT));
  }

  private TxnResponse txn(String key, Cmp condition, Op then, Op otherwise) {
    return await(key, kv.txn().If(condition).Then(then).Else(otherwise).commit());
  }

  void compact(long revision) {
    try {
      await("compaction", kv.compact(revision));
    } catch (EtcdRefusal refusal) {
      // Somebody else was faster.
      if (refusal.code() != ErrorCode.OUT_OF_RANGE) {
        throw refusal.unavailable();
      }
    }
  }

  /// Follows all keys, others' too, so that every revision has an event to be seen by.
  Watcher watchAll(long fromRevision, io.etcd.jetcd.Watch.Listener listener) {
    WatchOption option =
        WatchOption.builder()
            .withRange(EVERYTHING)
            .withRevision(fromRevision)
            .withRequireLeader(true)
            .build();
    return client.getWatchClient().watch(EVERYTHING, option, listener);
  }

  /// What etcd refused and the caller may have an answer to.
  static final class EtcdRefusal extends RuntimeException {
    private final ErrorCode code;
    private final transient StoreUnavailable unavailable;

    EtcdRefusal(ErrorCode code, StoreUnavailable unavailable) {
      super(unavailable);
      this.code = code;
      this.unavailable = unavailable;
    }

    ErrorCode code() {
      return code;
    }

    StoreUnavailable unavailable() {
      return unavailable;
    }
  }

  private <T> T await(String subject, CompletableFuture<T> answer) {
    boolean interrupted = false;
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    try {
      while (true) {
        try {
          return answer.get(deadline - System.nanoTime(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
          // The outcome would be unknown; the wait is bounded.
          interrupted = true;
        }
      }
    } catch (ExecutionException e) {
      throw failure(subject, e.getCause() == null ? e : e.getCause());
    } catch (TimeoutException e) {
      throw unreachable(subject, "no answer within " + PATIENCE.toSeconds() + " s", e);
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  RuntimeException failure(String subject, Throwable cause) {
    if (cause instanceof TimeoutException) {
      return unreachable(subject, "no answer within " + PATIENCE.toSeconds() + " s", cause);
    }
    EtcdException e = EtcdExceptionFactory.toEtcdException(cause);
    String said = String.valueOf(e.getMessage());
    if (said.contains("request is too large") || said.contains("larger than max")) {
      return new ValueTooLarge(subject + " is larger than etcd takes (its --max-request-bytes)", e);
    }
    if (said.contains("database space exceeded")) {
      return new StoreUnavailable(
          Reason.DISK_FULL,
          "etcd "
              + where()
              + ": "
              + said
              + "; defragment it, or raise its --quota-backend-bytes, and disarm the alarm",
          e);
    }
    return switch (e.getErrorCode()) {
      case OUT_OF_RANGE ->
          new EtcdRefusal(
              e.getErrorCode(),
              new StoreUnavailable(Reason.REFUSED, "etcd " + where() + ": " + said, e));
      case UNAUTHENTICATED, PERMISSION_DENIED ->
          new StoreUnavailable(
              Reason.REFUSED,
              "etcd " + where() + " refuses this client: " + said + "; look at its certificate",
              e);
      default -> unreachable(subject, said, e);
    };
  }

  private StoreUnavailable unreachable(String subject, String why, Throwable cause) {
    return new StoreUnavailable(
        Reason.UNREACHABLE,
        "etcd "
            + where()
            + " does not answer ("
            + why
            + (subject.startsWith("/")
                ? "); whether " + subject + " was written is known when it does"
                : ")"),
        cause);
  }

  String where() {
    return String.join(",", config.endpoints().stream().map(Object::toString).toList());
  }

  @Override
  public void close() {
    client.close();
  }
}
