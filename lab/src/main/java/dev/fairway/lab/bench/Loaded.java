// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab.bench;

import dev.fairway.lab.bench.Http2Client.Call;
import io.netty.buffer.ByteBuf;
import java.io.IOException;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// What a load came to: streams that each ask again as soon as they have their answer.
final class Loaded implements Http2Client.Script {
  private static final int PATIENCE_SECONDS = 60;

  private final Supplier<Call> calls;
  private final long end;
  private final CountDownLatch ended;
  private final Map<Integer, Long> statuses = new TreeMap<>();
  private final Samples micros = new Samples();
  private long bytes;
  private long last;

  private Loaded(Supplier<Call> calls, long end, int streams) {
    this.calls = calls;
    this.end = end;
    this.ended = new CountDownLatch(streams);
  }

  /// Loads for some seconds; returns when all answers are there.
  static Loaded of(
      Http2Client client, int connections, int streams, double seconds, Supplier<Call> calls)
      throws IOException, InterruptedException {
    long start = System.nanoTime();
    Loaded loaded = new Loaded(calls, start + (long) (seconds * 1e9), connections * streams);
    try (Http2Client.Connections all = client.open(connections, streams, loaded)) {
      if (!loaded.ended.await((long) seconds + PATIENCE_SECONDS, TimeUnit.SECONDS)) {
        throw new IOException(
            loaded.ended.getCount() + " of " + all.channels().size() + " got no answer");
      }
    }
    loaded.last -= start;
    return loaded;
  }

  @Override
  public @Nullable Call next() {
    if (System.nanoTime() >= end) {
      ended.countDown();
      return null;
    }
    return calls.get();
  }

  @Override
  public void answered(int status, long took) {
    statuses.merge(status, 1L, Long::sum);
    micros.add((double) took);
    last = System.nanoTime();
  }

  @Override
  public void data(ByteBuf piece) {
    bytes += piece.readableBytes();
  }

  /// Fails if there was any other answer.
  void mustAll(int status) throws IOException {
    if (statuses.size() != 1 || !statuses.containsKey(status)) {
      throw new IOException("answers by status: " + statuses + ", wanted only " + status);
    }
  }

  long count() {
    return statuses.values().stream().mapToLong(Long::longValue).sum();
  }

  double perSecond() {
    return (double) count() / (double) last * 1e9;
  }

  double percentileMillis(double percent) {
    return micros.percentile(percent) / 1e3;
  }

  long bytes() {
    return bytes;
  }
}
