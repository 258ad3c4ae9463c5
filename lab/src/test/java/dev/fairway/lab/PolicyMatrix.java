// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedSelectorException;
import java.nio.channels.DatagramChannel;
import java.nio.channels.SelectableChannel;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/// Who reaches whom among some pods, at ports 80 and 81 by TCP and UDP. Both ends are sockets
/// inside the pods' networks; all ways are tried at once.
final class PolicyMatrix implements AutoCloseable {
  /// A way that does not answer within this time counts as closed; asking is repeated, with more
  /// patience, until the whole is as wanted, so a slow answer costs time and nothing else.
  private static final Duration ROUND = Duration.ofMillis(300);

  private static final Duration PATIENCE = Duration.ofSeconds(60);
  private static final int BACKLOG = 512;

  private final Map<String, Place> places;
  private final Selector servers;

  /// One way. Written as a line of a case writes it: from, to, port.
  private record Way(String from, String to, String port) implements Comparable<Way> {
    @Override
    public int compareTo(Way other) {
      return toString().compareTo(other.toString());
    }

    @Override
    public String toString() {
      return from + " -> " + to + " " + port;
    }
  }

  /// @param places pods by `namespace/pod`
  PolicyMatrix(Map<String, Place> places) throws IOException {
    this.places = new TreeMap<>(places);
    this.servers = Selector.open();
    for (Place place : places.values()) {
      for (int port : List.of(80, 81)) {
        ServerSocketChannel tcp = place.namespace().call(ServerSocketChannel::open);
        tcp.bind(new InetSocketAddress(port), BACKLOG);
        tcp.configureBlocking(false).register(servers, SelectionKey.OP_ACCEPT);
        DatagramChannel udp = place.namespace().call(DatagramChannel::open);
        udp.bind(new InetSocketAddress(port));
        udp.configureBlocking(false).register(servers, SelectionKey.OP_READ);
      }
    }
    Thread.ofPlatform().daemon().name("policy-servers").start(this::serve);
  }

  private void serve() {
    ByteBuffer buffer = ByteBuffer.allocate(64);
    try {
      while (true) {
        servers.select();
        for (SelectionKey key : servers.selectedKeys()) {
          switch (key.channel()) {
            case ServerSocketChannel tcp -> {
              SocketChannel accepted = tcp.accept();
              if (accepted != null) {
                accepted.close();
              }
            }
            case DatagramChannel udp -> {
              buffer.clear();
              var from = udp.receive(buffer);
              if (from != null) {
                udp.send(buffer.flip(), from);
              }
            }
            default -> throw new IllegalStateException(key.channel().toString());
          }
        }
        servers.selectedKeys().clear();
      }
    } catch (ClosedSelectorException ended) {
      return;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// Asks until who reaches whom is as expected.
  ///
  /// @param expected lines `+ FROM TO [PORT]` and `- FROM TO [PORT]`, the last that fits a way
  ///   decides; FROM and TO are `namespace/pod` or `*` for either part, PORT is `80/tcp` or such
  ///   with `*` for either. What no line speaks of is open, and so is a pod's way to itself.
  void expect(String what, String expected) throws IOException {
    Set<Way> wanted = open(expected);
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    for (int rounds = 0; true; rounds++) {
      Set<Way> seen = round(wanted, ROUND.multipliedBy(1 + rounds / 4));
      if (seen.equals(wanted)) {
        return;
      }
      if (System.nanoTime() > deadline) {
        Set<Way> missing = new TreeSet<>(wanted);
        missing.removeAll(seen);
        seen.removeAll(wanted);
        throw new AssertionError(
            what + ": should be open: " + missing + "; should be closed: " + seen);
      }
    }
  }

  private Set<Way> open(String expected) {
    List<String[]> lines = expected.lines().map(line -> line.strip().split(" +")).toList();
    Set<Way> open = new TreeSet<>();
    for (String from : places.keySet()) {
      for (String to : places.keySet()) {
        for (String port : List.of("80/tcp", "81/tcp", "80/udp", "81/udp")) {
          boolean is = true;
          for (String[] line : lines) {
            if (fits(line[1], from)
                && fits(line[2], to)
                && (line.length < 4 || fits(line[3], port))) {
              is = line[0].equals("+");
            }
          }
          if (is || from.equals(to)) {
            open.add(new Way(from, to, port));
          }
        }
      }
    }
    return open;
  }

  private static boolean fits(String pattern, String name) {
    String[] wanted = pattern.split("/");
    String[] is = name.split("/");
    return (wanted[0].equals("*") || wanted[0].equals(is[0]))
        && (wanted[1].equals("*") || wanted[1].equals(is[1]));
  }

  /// The ways that answered. It ends early if all that are wanted did, and no other is.
  private Set<Way> round(Set<Way> wanted, Duration length) throws IOException {
    Set<Way> answered = new TreeSet<>();
    List<SelectableChannel> channels = new ArrayList<>();
    int all = places.size() * places.size() * 4;
    try (Selector selector = Selector.open()) {
      for (Map.Entry<String, Place> from : places.entrySet()) {
        channels.addAll(
            from.getValue().namespace().call(() -> ask(selector, from.getKey(), answered)));
      }
      long end = System.nanoTime() + length.toNanos();
      while (System.nanoTime() < end && (answered.size() < wanted.size() || wanted.size() < all)) {
        selector.select(Math.max(1, (end - System.nanoTime()) / 1_000_000));
        for (SelectionKey key : selector.selectedKeys()) {
          if (answers(key)) {
            answered.add((Way) key.attachment());
          }
          key.cancel();
        }
        selector.selectedKeys().clear();
      }
    } finally {
      for (SelectableChannel channel : channels) {
        channel.close();
      }
    }
    return answered;
  }

  private List<SelectableChannel> ask(Selector selector, String from, Set<Way> answered)
      throws IOException {
    List<SelectableChannel> channels = new ArrayList<>();
    for (Map.Entry<String, Place> to : places.entrySet()) {
      InetAddress address = to.getValue().addresses().getFirst().toInetAddress();
      for (int port : List.of(80, 81)) {
        InetSocketAddress target = new InetSocketAddress(address, port);
        SocketChannel tcp = SocketChannel.open();
        channels.add(tcp);
        tcp.setOption(StandardSocketOptions.SO_LINGER, 0);
        tcp.configureBlocking(false);
        Way way = new Way(from, to.getKey(), port + "/tcp");
        try {
          if (tcp.connect(target)) {
            answered.add(way);
          } else {
            tcp.register(selector, SelectionKey.OP_CONNECT, way);
          }
        } catch (IOException notPermitted) {
          // a way that is closed on this side of the wire
        }
        DatagramChannel udp = DatagramChannel.open();
        channels.add(udp);
        udp.configureBlocking(false)
            .register(selector, SelectionKey.OP_READ, new Way(from, to.getKey(), port + "/udp"));
        udp.connect(target);
        try {
          udp.write(ByteBuffer.wrap(new byte[] {1}));
        } catch (IOException notPermitted) {
          // as above
        }
      }
    }
    return channels;
  }

  private static boolean answers(SelectionKey key) {
    try {
      return key.channel() instanceof SocketChannel tcp
          ? tcp.finishConnect()
          : ((DatagramChannel) key.channel()).read(ByteBuffer.allocate(8)) > 0;
    } catch (IOException refused) {
      return false;
    }
  }

  @Override
  public void close() throws IOException {
    for (SelectionKey key : servers.keys()) {
      key.channel().close();
    }
    servers.close();
    places.values().forEach(Place::close);
  }
}
