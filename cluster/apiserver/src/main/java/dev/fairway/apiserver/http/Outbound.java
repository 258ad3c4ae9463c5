// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.http;

import io.netty.channel.ChannelHandlerContext;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;

/// The way out of one connection: writes queued by any thread, done on its event loop with one
/// flush for all that had come together. One flush a connection instead of one a stream is worth a
/// factor of five for watches over HTTP/2. Its bound is that of each exchange, see
/// [Exchange#pendingBytes].
final class Outbound {
  private final Queue<Runnable> writes = new ConcurrentLinkedQueue<>();
  private final AtomicBoolean scheduled = new AtomicBoolean();
  private final ChannelHandlerContext context;

  Outbound(ChannelHandlerContext context) {
    this.context = context;
  }

  ChannelHandlerContext context() {
    return context;
  }

  void add(Runnable write) {
    writes.add(write);
    if (scheduled.compareAndSet(false, true)) {
      context.executor().execute(this::drain);
    }
  }

  private void drain() {
    scheduled.set(false);
    Runnable write;
    while ((write = writes.poll()) != null) {
      write.run();
    }
    context.flush();
  }
}
