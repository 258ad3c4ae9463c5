// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.linux.NetworkNamespace;
import dev.fairway.net.IpAddress;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;

/// Numbers in order over one connection, back and forth, until told to end. A lost, doubled or
/// changed byte is an error, and so is a connection that is cut.
final class Conversation implements AutoCloseable {
  private final AtomicBoolean ending = new AtomicBoolean();
  private final AtomicLong round = new AtomicLong();
  private final List<Throwable> failures = new ArrayList<>();
  private final Thread server;
  private final Thread client;

  Conversation(Path from, Path to, IpAddress toAddress) throws Exception {
    ServerSocketChannel listener;
    SocketChannel channel;
    try (NetworkNamespace serving = NetworkNamespace.open(to);
        NetworkNamespace asking = NetworkNamespace.open(from)) {
      listener = serving.call(ServerSocketChannel::open);
      channel = asking.call(SocketChannel::open);
    }
    listener.bind(new InetSocketAddress(toAddress.toInetAddress(), 0));
    channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
    server = Thread.ofPlatform().start(() -> run(() -> answer(listener)));
    channel.socket().connect(listener.getLocalAddress(), 10_000);
    client = Thread.ofPlatform().start(() -> run(() -> ask(channel)));
  }

  private interface Part {
    void run() throws Exception;
  }

  private void run(Part part) {
    try {
      part.run();
    } catch (Throwable e) {
      synchronized (failures) {
        failures.add(e);
      }
    }
  }

  private void answer(ServerSocketChannel listener) throws Exception {
    try (listener;
        SocketChannel channel = listener.accept()) {
      DataInputStream in = new DataInputStream(channel.socket().getInputStream());
      DataOutputStream out = new DataOutputStream(channel.socket().getOutputStream());
      byte[] block = new byte[8192];
      while (true) {
        long number = in.readLong();
        in.readFully(block);
        out.writeLong(number);
        if (number < 0) {
          return;
        }
        out.write(block);
      }
    }
  }

  private void ask(SocketChannel channel) throws Exception {
    try (channel) {
      channel.socket().setSoTimeout(30_000);
      DataInputStream in = new DataInputStream(channel.socket().getInputStream());
      DataOutputStream out = new DataOutputStream(channel.socket().getOutputStream());
      byte[] sent = new byte[8192];
      byte[] got = new byte[sent.length];
      while (!ending.get()) {
        long number = round.get();
        Arrays.fill(sent, (byte) number);
        out.writeLong(number);
        out.write(sent);
        assertThat(in.readLong()).isEqualTo(number);
        in.readFully(got);
        assertThat(got).isEqualTo(sent);
        round.incrementAndGet();
      }
      out.writeLong(-1);
      out.write(sent);
      assertThat(in.readLong()).isEqualTo(-1);
    }
  }

  /// Waits until it went on for some rounds.
  void goesOn() throws InterruptedException {
    long until = round.get() + 20;
    long deadline = System.nanoTime() + 30_000_000_000L;
    while (round.get() < until && client.isAlive() && System.nanoTime() < deadline) {
      client.join(10);
    }
    synchronized (failures) {
      assertThat(failures).isEmpty();
    }
    assertThat(round.get()).isGreaterThanOrEqualTo(until);
  }

  @Override
  public void close() throws Exception {
    ending.set(true);
    client.join(30_000);
    server.join(30_000);
    synchronized (failures) {
      assertThat(failures).isEmpty();
    }
    assertThat(client.isAlive()).isFalse();
  }
}
