// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic;

import dev.fairway.linux.NetworkNamespace;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/// Asks one address over and over from one namespace, each time by a new TCP connection, and keeps
/// what went wrong. The server answers a byte with a byte.
///
/// Ports are used again after some seconds. Where endpoints go meanwhile, the server has to close
/// each connection: of one that the client resets, the kernel's connection tracking may remember
/// for ten seconds that it is translated to that endpoint, and do so with the next one of that port
/// (`nf_conntrack_proto_tcp.c`: a SYN begins anew if the last packet was the reset, which it is not
/// if the server was so slow that something was sent twice).
final class Load implements AutoCloseable {
  private static final Duration PATIENCE = Duration.ofMinutes(1);
  private static final Duration DEADLINE = Duration.ofMinutes(2);
  private static final int AT_ONCE = 256;
  private static final int KEPT_FAILURES = 20;

  private final InetSocketAddress to;
  private final int perSecond;
  private final boolean serverCloses;
  private final Thread thread;
  private final List<String> failures = new ArrayList<>();
  private volatile boolean ending;
  private final AtomicLong begun = new AtomicLong();
  private final AtomicLong answered = new AtomicLong();

  /// The number of the oldest request that is not over.
  private volatile long oldest;

  private Load(NetworkNamespace from, InetSocketAddress to, int perSecond, boolean serverCloses) {
    this.to = to;
    this.serverCloses = serverCloses;
    this.perSecond = perSecond;
    this.thread =
        Thread.ofPlatform()
            .name("load")
            .start(() -> {
              try {
                from.call(() -> {
                  run();
                  return true;
                });
              } catch (IOException | RuntimeException e) {
                fail("the load itself: " + e);
              }
            });
  }

  /// Sockets are made in the control group the process is in at that moment.
  static Load begin(NetworkNamespace from, String address, int port, int perSecond) {
    return new Load(from, new InetSocketAddress(address, port), perSecond, false);
  }

  /// As above; a request is over when the server has closed the connection after its answer.
  static Load untilClosed(NetworkNamespace from, String address, int port, int perSecond) {
    return new Load(from, new InetSocketAddress(address, port), perSecond, true);
  }

  long answered() {
    return answered.get();
  }

  synchronized List<String> failures() {
    return List.copyOf(failures);
  }

  /// Until so many more were answered, or something went wrong.
  void awaitAnswers(long more) {
    long wanted = answered.get() + more;
    await(() -> answered.get() >= wanted);
  }

  /// Until all requests are over that have begun, or something went wrong.
  void settle() {
    long now = begun.get();
    await(() -> oldest >= now);
  }

  private void await(BooleanSupplier condition) {
    long deadline = System.nanoTime() + DEADLINE.toNanos();
    while (!condition.getAsBoolean() && failures().isEmpty()) {
      if (System.nanoTime() > deadline) {
        throw new AssertionError(answered + " of " + begun + " answered, and no more");
      }
      LockSupport.parkNanos(200_000);
    }
  }

  private synchronized void fail(String what) {
    if (failures.size() < KEPT_FAILURES) {
      failures.add(what);
    }
  }

  /// One request.
  private record Request(long number, long begun, SocketChannel channel, boolean answered) {
    Request withAnswer() {
      return new Request(number, begun, channel, true);
    }
  }

  private void run() throws IOException {
    Map<Long, Request> open = new LinkedHashMap<>();
    ByteBuffer octet = ByteBuffer.allocate(8);
    long start = System.nanoTime();
    try (Selector selector = Selector.open()) {
      while (!ending || !open.isEmpty()) {
        long due = (System.nanoTime() - start) * perSecond / 1_000_000_000L;
        if (due - begun.get() > AT_ONCE) {
          // What could not be asked in time is not made up for.
          start = System.nanoTime() - begun.get() * 1_000_000_000L / perSecond;
        }
        while (!ending && begun.get() < due && open.size() < AT_ONCE) {
          begin(selector, open);
        }
        selector.select(1);
        for (Iterator<SelectionKey> i = selector.selectedKeys().iterator(); i.hasNext(); ) {
          SelectionKey key = i.next();
          i.remove();
          goOn(key, open, octet);
        }
        giveUp(open);
        oldest = open.isEmpty() ? begun.get() : open.keySet().iterator().next();
      }
    }
  }

  private void begin(Selector selector, Map<Long, Request> open) throws IOException {
    SocketChannel channel = SocketChannel.open();
    Request request = new Request(begun.getAndIncrement(), System.nanoTime(), channel, false);
    open.put(request.number(), request);
    channel.configureBlocking(false);
    if (!serverCloses) {
      // Or else the ports are used up by connections that wait for their end.
      channel.setOption(StandardSocketOptions.SO_LINGER, 0);
    }
    try {
      channel.connect(to);
      channel.register(selector, SelectionKey.OP_CONNECT, request);
    } catch (IOException e) {
      end(request, open, "connect: " + e);
    }
  }

  private void goOn(SelectionKey key, Map<Long, Request> open, ByteBuffer octet)
      throws IOException {
    Request request = (Request) key.attachment();
    SocketChannel channel = request.channel();
    boolean connecting = key.isConnectable();
    try {
      if (connecting) {
        channel.finishConnect();
        channel.write(ByteBuffer.wrap(new byte[] {1}));
        key.interestOps(SelectionKey.OP_READ);
        return;
      }
      int read = channel.read(octet.clear());
      if (read > 0 && serverCloses) {
        Request answered = request.withAnswer();
        key.attach(answered);
        open.put(request.number(), answered);
      } else if (read != 0) {
        end(request, open, read > 0 || request.answered() ? "" : "closed before the answer");
      }
    } catch (IOException e) {
      String what = (connecting ? "connect: " : "answer: ") + e.getMessage();
      end(request, open, request.answered() ? "" : what);
    }
  }

  private void giveUp(Map<Long, Request> open) throws IOException {
    while (!open.isEmpty()) {
      Request first = open.values().iterator().next();
      if (System.nanoTime() - first.begun() < PATIENCE.toNanos()) {
        return;
      }
      end(
          first,
          open,
          first.channel().isConnected() ? "no answer" : "no connection in " + PATIENCE);
    }
  }

  private void end(Request request, Map<Long, Request> open, String failure) throws IOException {
    open.remove(request.number());
    request.channel().close();
    if (failure.isEmpty()) {
      answered.incrementAndGet();
    } else {
      fail("request " + request.number() + ": " + failure);
    }
  }

  @Override
  public void close() throws InterruptedException {
    ending = true;
    thread.join();
  }
}
