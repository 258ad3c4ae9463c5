// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.DatagramChannel;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// One UDP address, served by one platform thread; questions for upstreams go to virtual threads.
final class UdpListener implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(UdpListener.class);
  private static final int RECEIVE_BUFFER_BYTES = 1 << 20;

  /// No query is longer; what is cut off is answered with FORMERR.
  private static final int MAX_QUERY_BYTES = 4096;

  private final DatagramChannel channel;
  private final InetSocketAddress address;
  private final Answering answering;
  private final Thread thread;

  private UdpListener(DatagramChannel channel, Answering answering) throws IOException {
    this.channel = channel;
    this.address = (InetSocketAddress) channel.getLocalAddress();
    this.answering = answering;
    this.thread = Thread.ofPlatform().name("dns-udp-" + address).daemon().unstarted(this::run);
  }

  static UdpListener open(InetSocketAddress address, Answering answering) throws IOException {
    DatagramChannel channel = DatagramChannel.open();
    try {
      channel.setOption(StandardSocketOptions.SO_RCVBUF, RECEIVE_BUFFER_BYTES);
      channel.bind(address);
      return new UdpListener(channel, answering);
    } catch (IOException | RuntimeException e) {
      channel.close();
      throw e;
    }
  }

  InetSocketAddress address() {
    return address;
  }

  void start() {
    thread.start();
  }

  private void run() {
    ByteBuffer request = ByteBuffer.allocateDirect(MAX_QUERY_BYTES);
    ByteBuffer reply = ByteBuffer.allocateDirect(WireWriter.MAX_MESSAGE_BYTES);
    byte[] octets = new byte[MAX_QUERY_BYTES];
    WireWriter writer = new WireWriter();
    while (channel.isOpen()) {
      try {
        request.clear();
        SocketAddress from = channel.receive(request);
        if (!(from instanceof InetSocketAddress asker)) {
          continue;
        }
        request.flip();
        int length = request.remaining();
        request.get(octets, 0, length);
        switch (answering.answer(new Asker(asker.getAddress(), false), octets, length, writer)) {
          case Answering.Step.Written _ -> {
            reply.clear().put(writer.array(), 0, writer.length()).flip();
            channel.send(reply, asker);
          }
          case Answering.Step.Silence _ -> {}
          case Answering.Step.AskUpstream ask ->
              Thread.ofVirtual().name("dns-forward").start(() -> forward(ask, asker));
        }
      } catch (ClosedChannelException e) {
        return;
      } catch (IOException e) {
        // One reply that cannot be sent, as to port 0, is that asker's loss.
        LOG.debug("{}: {}", address, e.getMessage());
      } catch (RuntimeException e) {
        LOG.error("{}: a query failed", address, e);
      }
    }
  }

  private void forward(Answering.Step.AskUpstream ask, SocketAddress asker) {
    try {
      WireWriter writer = new WireWriter();
      answering.ask(ask, writer);
      channel.send(ByteBuffer.wrap(writer.array(), 0, writer.length()), asker);
    } catch (IOException e) {
      LOG.debug("{}: {}", address, e.getMessage());
    } catch (RuntimeException e) {
      LOG.error("{}: a forwarded query failed", address, e);
    }
  }

  @Override
  public void close() {
    try {
      channel.close();
    } catch (IOException e) {
      LOG.debug("{}: {}", address, e.getMessage());
    }
  }
}
