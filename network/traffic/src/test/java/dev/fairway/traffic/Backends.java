// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic;

import dev.fairway.linux.NetworkNamespace;
import dev.fairway.net.IpAddress;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.Iterator;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.FutureTask;
import java.util.concurrent.LinkedBlockingQueue;

/// Many servers, each with an address of its own, in one namespace. Each answers a byte with a byte
/// and stops as a good one does: it takes what waits to be taken, and ends what it has begun.
final class Backends implements AutoCloseable {
  private final NetworkNamespace inside;
  private final int port;
  private final Selector selector;
  private final Thread thread;
  private final Map<IpAddress, SelectionKey> listeners = new ConcurrentHashMap<>();
  private final LinkedBlockingQueue<FutureTask<?>> tasks = new LinkedBlockingQueue<>();
  private volatile boolean ending;

  Backends(NetworkNamespace inside, int port) throws IOException {
    this.inside = inside;
    this.port = port;
    this.selector = Selector.open();
    this.thread = Thread.ofPlatform().name("backends").start(this::run);
  }

  void start(IpAddress address) throws IOException {
    ServerSocketChannel channel = inside.call(() -> ServerSocketChannel.open());
    channel.configureBlocking(false);
    channel.bind(new InetSocketAddress(address.toInetAddress(), port), 1024);
    run(() -> {
      listeners.put(address, channel.register(selector, SelectionKey.OP_ACCEPT));
      return true;
    });
  }

  void stop(IpAddress address) {
    run(() -> {
      SelectionKey key = listeners.remove(address);
      accept(key);
      key.channel().close();
      return true;
    });
  }

  private void run(java.util.concurrent.Callable<Boolean> work) {
    FutureTask<Boolean> task = new FutureTask<>(work);
    tasks.add(task);
    selector.wakeup();
    try {
      task.get();
    } catch (InterruptedException | java.util.concurrent.ExecutionException e) {
      throw new IllegalStateException(e);
    }
  }

  private void run() {
    ByteBuffer octet = ByteBuffer.allocate(8);
    try (selector) {
      while (!ending) {
        selector.select();
        for (FutureTask<?> task = tasks.poll(); task != null; task = tasks.poll()) {
          task.run();
        }
        for (Iterator<SelectionKey> i = selector.selectedKeys().iterator(); i.hasNext(); ) {
          SelectionKey key = i.next();
          i.remove();
          if (key.isValid() && key.isAcceptable()) {
            accept(key);
          } else if (key.isValid()) {
            answer((SocketChannel) key.channel(), octet);
          }
        }
      }
      for (SelectionKey key : selector.keys()) {
        key.channel().close();
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void accept(SelectionKey key) throws IOException {
    ServerSocketChannel listener = (ServerSocketChannel) key.channel();
    for (SocketChannel client = listener.accept(); client != null; client = listener.accept()) {
      client.configureBlocking(false);
      client.register(selector, SelectionKey.OP_READ);
    }
  }

  private static void answer(SocketChannel client, ByteBuffer octet) throws IOException {
    try {
      if (client.read(octet.clear()) > 0) {
        client.write(octet.flip());
      }
    } catch (IOException e) {
      // The client is done.
    }
    client.close();
  }

  @Override
  public void close() throws InterruptedException {
    ending = true;
    selector.wakeup();
    thread.join();
  }
}
