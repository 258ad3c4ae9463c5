// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.pools;

import dev.fairway.podnet.ipam.NoAddress;
import dev.fairway.reconcile.ClusterFollower;
import io.fabric8.kubernetes.api.model.ListOptionsBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Which blocks each node has, for a machine that gives out no addresses itself. It finds out by
/// itself whether the cluster has blocks.
public final class BlockFollower implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(BlockFollower.class);

  /// How often an API server that knows no blocks is asked again.
  private static final Duration ASK_AGAIN = Duration.ofSeconds(10);

  private static final Duration ASK_AT_FIRST = Duration.ofMillis(500);

  private final KubernetesClient client;
  private final Runnable changed;
  private final Thread thread;
  private volatile @Nullable BlockRanges ranges;
  private @Nullable ClusterFollower follower;
  private boolean closed;

  /// @param changed called whenever [#ranges] may be others than before, by one thread at a time
  public BlockFollower(KubernetesClient client, Runnable changed) {
    this.client = client;
    this.changed = changed;
    thread = Thread.ofPlatform().name("address-blocks").daemon(true).unstarted(this::findOut);
  }

  /// Begins to look for blocks.
  public void begin() {
    thread.start();
  }

  /// Which blocks and single addresses each node has; null while that is not known.
  public @Nullable BlockRanges ranges() {
    return ranges;
  }

  private void findOut() {
    try {
      while (!exist()) {
        Thread.sleep(ranges == null ? ASK_AT_FIRST : ASK_AGAIN);
      }
      follow();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt(); // closed
    }
  }

  private boolean exist() {
    try {
      ApiCall.ask(
          "list address blocks",
          () ->
              client
                  .resources(AddressBlock.class)
                  .list(new ListOptionsBuilder().withLimit(1L).build()));
      return true;
    } catch (NoAddress e) {
      int code = e.getCause() instanceof KubernetesClientException told ? told.getCode() : 0;
      boolean absent = code == ApiCall.NOT_FOUND || code == ApiCall.FORBIDDEN;
      if (absent && ranges == null) {
        ranges = BlockRanges.NONE;
        tell();
      }
      return false;
    }
  }

  private void tell() {
    try {
      changed.run();
    } catch (RuntimeException e) {
      LOG.warn("Ways to pods are tried again with the next change: {}", e.toString());
    }
  }

  private synchronized void follow() {
    if (!closed) {
      follower =
          ClusterFollower.of(client)
              .follow(AddressBlock.class)
              .subscribe(
                  "address-blocks",
                  (delta, image) -> {
                    ranges = BlockRanges.of(image.all(AddressBlock.class));
                    changed.run();
                  })
              .start();
    }
  }

  @Override
  public void close() {
    thread.interrupt();
    synchronized (this) {
      closed = true;
      if (follower != null) {
        follower.close();
      }
    }
  }
}
