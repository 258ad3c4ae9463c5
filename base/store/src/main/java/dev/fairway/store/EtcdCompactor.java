// SPDX-License-Identifier: Apache-2.0
package dev.fairway.store;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.etcd.jetcd.KeyValue;
import io.etcd.jetcd.kv.TxnResponse;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Lets etcd forget history, which it would keep for ever, as kube-apiserver does: every five
/// minutes what is older than five to ten. The servers of one etcd agree by a key,
/// `compact_rev_key`, whose version counts the rounds: who writes it at the version it saw,
/// compacts.
final class EtcdCompactor implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(EtcdCompactor.class);
  private static final String KEY = "compact_rev_key";
  private static final Duration ROUND = Duration.ofMinutes(5);

  private final EtcdConnection etcd;
  private final ScheduledExecutorService clock;
  private long version;
  private long revision;

  EtcdCompactor(EtcdConnection etcd) {
    this.etcd = etcd;
    this.clock =
        Executors.newSingleThreadScheduledExecutor(
            Thread.ofPlatform().name("store-etcd-compactor").daemon().factory());
    var _ =
        clock.scheduleWithFixedDelay(
            this::round, ROUND.toMillis(), ROUND.toMillis(), TimeUnit.MILLISECONDS);
  }

  /// The revision before which history went, as far as the key tells; 0 if it does not.
  static long lastCompaction(EtcdConnection etcd) {
    List<KeyValue> kept = etcd.getOne(KEY).getKvs();
    return kept.isEmpty() ? 0 : revision(kept.getFirst());
  }

  private static long revision(KeyValue stored) {
    try {
      return Long.parseLong(stored.getValue().toString(UTF_8));
    } catch (NumberFormatException e) {
      return 0;
    }
  }

  private void round() {
    try {
      TxnResponse response = etcd.putAtVersion(KEY, version, Long.toString(revision));
      long newest = response.getHeader().getRevision();
      if (response.isSucceeded()) {
        version++;
        if (revision > 0) {
          etcd.compact(revision);
        }
      } else {
        version =
            response.getGetResponses().stream()
                .flatMap(read -> read.getKvs().stream())
                .mapToLong(KeyValue::getVersion)
                .findFirst()
                .orElse(0);
      }
      revision = newest;
    } catch (RuntimeException e) {
      LOG.warn("etcd was not compacted, the next round will try again: {}", e.getMessage());
    }
  }

  @Override
  public void close() {
    clock.shutdownNow();
  }
}
