// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

import dev.fairway.linux.DatagramBatch;
import dev.fairway.linux.KernelException;
import dev.fairway.net.IpAddress;
import dev.fairway.net.TransportAddress;
import java.io.IOException;
import java.net.InetSocketAddress;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// One UDP address, served by one platform thread; questions for upstreams go to virtual threads.
final class UdpListener implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(UdpListener.class);
  private static final int RECEIVE_BUFFER_BYTES = 1 << 20;

  private final DatagramBatch socket;
  private final InetSocketAddress address;
  private final Answering answering;
  private final @Nullable RenderedAnswers rendered;
  private final Thread thread;
  private final byte[] message = new byte[DatagramBatch.MAX_BYTES];
  private final WireWriter writer = new WireWriter();

  private UdpListener(DatagramBatch socket, InetSocketAddress address, Answering answering) {
    this.socket = socket;
    this.address = address;
    this.answering = answering;
    this.rendered = answering.rendered();
    this.thread = Thread.ofPlatform().name("dns-udp-" + address).daemon().unstarted(this::run);
  }

  static UdpListener open(InetSocketAddress address, Answering answering) throws IOException {
    try {
      IpAddress local = IpAddress.ofBytes(address.getAddress().getAddress());
      DatagramBatch socket =
          DatagramBatch.bind(new TransportAddress(local, address.getPort()), RECEIVE_BUFFER_BYTES);
      int port = socket.localAddress().port();
      return new UdpListener(socket, new InetSocketAddress(local.toInetAddress(), port), answering);
    } catch (KernelException e) {
      throw new IOException(e.getMessage(), e);
    }
  }

  InetSocketAddress address() {
    return address;
  }

  void start() {
    thread.start();
  }

  private void run() {
    int count;
    while ((count = socket.receive()) > 0) {
      long since = System.nanoTime();
      if (rendered != null) {
        rendered.use(answering.zone());
      }
      int copied = 0;
      for (int i = 0; i < count; i++) {
        try {
          copied += one(i);
        } catch (RuntimeException e) {
          LOG.error("{}: a query failed", address, e);
        }
      }
      socket.flush();
      if (copied > 0) {
        answering.counts().answered(ResponseCode.NO_ERROR, copied, System.nanoTime() - since);
      }
    }
  }

  /// Gives 1 for an answer that was copied, which is not yet counted as answered.
  private int one(int index) {
    int length = socket.copy(index, message);
    if (rendered != null) {
      int replied = rendered.answer(message, length);
      if (replied > 0) {
        answering.counts().asked(socket.isOfIpv6(index), rendered.type());
        socket.reply(index, message, replied);
        return 1;
      }
    }
    DatagramBatch.Sender sender = socket.sender(index);
    Asker asker = new Asker(sender.address().address().toInetAddress(), false);
    switch (answering.answer(asker, message, length, writer)) {
      case Answering.Step.Written(boolean forAll) -> {
        socket.reply(index, writer.array(), writer.length());
        if (forAll && rendered != null) {
          rendered.keep(message, length, writer);
        }
      }
      case Answering.Step.Silence _, Answering.Step.SendAll _ -> {}
      case Answering.Step.AskUpstream ask ->
          Thread.ofVirtual().name("dns-forward").start(() -> forward(ask, sender));
    }
    return 0;
  }

  private void forward(Answering.Step.AskUpstream ask, DatagramBatch.Sender asker) {
    try {
      WireWriter own = new WireWriter();
      answering.ask(ask, own);
      int errno = socket.send(asker, own.array(), own.length());
      if (errno != 0) {
        // One reply that cannot be sent, as to port 0, is that asker's loss.
        LOG.debug("{}: error {} to {}", address, errno, asker.address());
      }
    } catch (RuntimeException e) {
      LOG.error("{}: a forwarded query failed", address, e);
    }
  }

  @Override
  public void close() {
    socket.close();
  }
}
