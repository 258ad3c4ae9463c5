// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.policy;

import dev.fairway.linux.NetworkNamespace;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Protocol;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import java.nio.channels.SelectableChannel;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Predicate;

/// Asks many pods at once whom they reach, from one thread: each pod serves some ports, and each
/// probe is one socket.
final class Probes implements AutoCloseable {
  private static final Duration PATIENCE = Duration.ofMinutes(1);

  private final PolicyLab lab;
  private final Selector selector = open();
  private final List<SelectableChannel> servers = new ArrayList<>();

  Probes(PolicyLab lab) {
    this.lab = lab;
  }

  private static Selector open() {
    try {
      return Selector.open();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// One question: can `from` reach `to`?
  record Probe(String from, String to, IpFamily family, Protocol protocol, int port)
      implements Comparable<Probe> {
    @Override
    public int compareTo(Probe other) {
      return toString().compareTo(other.toString());
    }

    @Override
    public String toString() {
      return from + " -> " + to + " " + protocol + " " + port + " " + family;
    }
  }

  void serve(String pod, int... ports) throws IOException {
    NetworkNamespace sandbox = lab.sandbox(pod);
    for (int port : ports) {
      ServerSocketChannel tcp = sandbox.call(() -> ServerSocketChannel.open());
      tcp.bind(new InetSocketAddress(port), 4096);
      DatagramChannel udp = sandbox.call(() -> DatagramChannel.open());
      udp.bind(new InetSocketAddress(port));
      for (SelectableChannel one : List.of(tcp, udp)) {
        one.configureBlocking(false);
        servers.add(one);
      }
      tcp.register(selector, SelectionKey.OP_ACCEPT);
      udp.register(selector, SelectionKey.OP_READ);
    }
  }

  /// Which of the probes come through.
  ///
  /// @param done whether no more will, judged by those that have
  Set<Probe> ask(Collection<Probe> probes, Predicate<Set<Probe>> done) throws IOException {
    Set<Probe> through = new TreeSet<>();
    List<SelectableChannel> clients = new ArrayList<>();
    try {
      for (Probe probe : probes) {
        clients.add(start(probe));
      }
      long deadline = System.nanoTime() + PATIENCE.toNanos();
      while (System.nanoTime() < deadline && !done.test(through)) {
        selector.select(key -> serve(key, through), 20);
      }
      selector.selectNow(key -> serve(key, through));
      return through;
    } finally {
      for (SelectableChannel client : clients) {
        client.close();
      }
      selector.selectNow(key -> {});
    }
  }

  private SelectableChannel start(Probe probe) throws IOException {
    InetSocketAddress to =
        new InetSocketAddress(lab.address(probe.to, probe.family).toInetAddress(), probe.port);
    NetworkNamespace sandbox = lab.sandbox(probe.from);
    if (probe.protocol == Protocol.TCP) {
      SocketChannel channel = sandbox.call(() -> SocketChannel.open());
      channel.configureBlocking(false);
      channel.connect(to);
      channel.register(selector, SelectionKey.OP_CONNECT, probe);
      return channel;
    }
    DatagramChannel channel = sandbox.call(() -> DatagramChannel.open());
    channel.configureBlocking(false);
    channel.connect(to);
    channel.write(ByteBuffer.allocate(1));
    channel.register(selector, SelectionKey.OP_READ, probe);
    return channel;
  }

  private static void serve(SelectionKey key, Set<Probe> through) {
    try {
      if (key.attachment() instanceof Probe probe) {
        boolean answered =
            key.channel() instanceof SocketChannel tcp
                ? tcp.finishConnect()
                : ((DatagramChannel) key.channel()).read(ByteBuffer.allocate(1)) > 0;
        if (answered) {
          through.add(probe);
        }
        key.channel().close();
      } else if (key.channel() instanceof ServerSocketChannel server) {
        for (SocketChannel one = server.accept(); one != null; one = server.accept()) {
          one.close();
        }
      } else if (key.channel() instanceof DatagramChannel server) {
        ByteBuffer datagram = ByteBuffer.allocate(1);
        var from = server.receive(datagram);
        if (from != null) {
          server.send(datagram.flip(), from);
        }
      }
    } catch (IOException e) {
      // Refused: it was not reached.
      try {
        key.channel().close();
      } catch (IOException ignored) {
        key.cancel();
      }
    }
  }

  @Override
  public void close() throws IOException {
    for (SelectableChannel server : servers) {
      server.close();
    }
    selector.close();
  }
}
