// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.multicast;

import dev.fairway.linux.NetworkNamespace;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.StandardProtocolFamily;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.DatagramChannel;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// UDP between nodes: four octets that say what it is, then a packet as a pod sent it. Safe for use
/// by many threads.
///
/// A send waits where the machine's link is slower than the pods, so a thread of its own sends, and
/// nobody else waits for it: not pods of this node, nor what comes from others.
final class PeerChannels implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(PeerChannels.class);

  static final int PORT = Multicast.PORT;

  /// `FWM` and the version.
  private static final int MAGIC = 0x46574d01;

  private static final int MAX_BYTES = 1 << 16;

  /// Packets that wait for the link; more are dropped.
  private static final int MOST_WAITING = 256;

  /// Takes what came; the packet begins at an offset.
  interface Receiver {
    void received(IpAddress from, byte[] bytes, int at);
  }

  private final NetworkNamespace machine;
  private final Receiver receiver;
  private final Map<IpAddress, DatagramChannel> channels = new HashMap<>(); // guarded by this
  private final Map<IpAddress, String> refused = new HashMap<>(); // guarded by this
  private final BlockingQueue<Outgoing> outgoing = new ArrayBlockingQueue<>(MOST_WAITING);
  private final Thread sender;
  private boolean closed; // guarded by this

  private record Outgoing(DatagramChannel way, ByteBuffer bytes, InetSocketAddress to) {}

  PeerChannels(NetworkNamespace machine, Receiver receiver) {
    this.machine = machine;
    this.receiver = receiver;
    this.sender = Thread.ofVirtual().name("multicast-send").start(this::sendAll);
  }

  /// Where this machine is reached from now on. An address that it does not have is tried again at
  /// the next call.
  synchronized void bind(List<IpAddress> addresses) {
    List<IpAddress> gone = new ArrayList<>(channels.keySet());
    gone.removeAll(addresses);
    gone.forEach(address -> end(channels.remove(address)));
    for (IpAddress address : addresses) {
      if (closed || channels.containsKey(address)) {
        continue;
      }
      try {
        DatagramChannel channel = open(address);
        channels.put(address, channel);
        refused.remove(address);
        Thread.ofVirtual().name("multicast-" + address).start(() -> receive(channel));
      } catch (IOException e) {
        if (!e.toString().equals(refused.put(address, e.toString()))) {
          LOG.warn("Multicast: no UDP port {} at {}: {}", PORT, address, e.toString());
        }
      }
    }
  }

  private DatagramChannel open(IpAddress address) throws IOException {
    StandardProtocolFamily family =
        address.family() == IpFamily.IPV4
            ? StandardProtocolFamily.INET
            : StandardProtocolFamily.INET6;
    DatagramChannel channel = machine.call(() -> DatagramChannel.open(family));
    try {
      return channel.bind(new InetSocketAddress(address.toInetAddress(), PORT));
    } catch (IOException | RuntimeException e) {
      channel.close();
      throw e;
    }
  }

  private void receive(DatagramChannel channel) {
    ByteBuffer buffer = ByteBuffer.allocate(MAX_BYTES);
    while (true) {
      try {
        buffer.clear();
        InetSocketAddress from = (InetSocketAddress) channel.receive(buffer);
        buffer.flip();
        if (from.getPort() == PORT && buffer.remaining() > 4 && buffer.getInt(0) == MAGIC) {
          byte[] bytes = new byte[buffer.remaining()];
          buffer.get(bytes);
          receiver.received(IpAddress.ofBytes(from.getAddress().getAddress()), bytes, 4);
        }
      } catch (ClosedChannelException e) {
        return;
      } catch (IOException | RuntimeException e) {
        LOG.debug("Multicast: a datagram is lost", e);
        if (!channel.isOpen()) {
          return;
        }
      }
    }
  }

  /// Sends a packet to a node soon, without waiting.
  ///
  /// @return false if it is dropped, as there is no way or that is full
  boolean send(byte[] packet, IpAddress to) {
    DatagramChannel way = way(to.family());
    if (way == null) {
      return false;
    }
    ByteBuffer bytes = ByteBuffer.allocate(4 + packet.length).putInt(MAGIC).put(packet).flip();
    return outgoing.offer(
        new Outgoing(way, bytes, new InetSocketAddress(to.toInetAddress(), PORT)));
  }

  private synchronized @Nullable DatagramChannel way(IpFamily family) {
    for (Map.Entry<IpAddress, DatagramChannel> each : channels.entrySet()) {
      if (each.getKey().family() == family) {
        return each.getValue();
      }
    }
    return null;
  }

  private void sendAll() {
    try {
      while (true) {
        Outgoing next = outgoing.take();
        try {
          next.way.send(next.bytes, next.to);
        } catch (IOException | RuntimeException e) {
          LOG.debug("Multicast: no way there now, or refused by the one before", e);
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt(); // closed
    }
  }

  private static void end(DatagramChannel channel) {
    try {
      channel.close();
    } catch (IOException e) {
      LOG.debug("A socket was not closed well", e);
    }
  }

  @Override
  public synchronized void close() {
    closed = true;
    sender.interrupt();
    channels.values().forEach(PeerChannels::end);
    channels.clear();
  }
}
