// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.linux.NetworkNamespace;
import dev.fairway.net.IpAddress;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.SocketTimeoutException;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;

/// Short conversations between namespaces.
final class Talk {
  private static final int PATIENCE_MILLIS = 30_000;

  private Talk() {}

  /// Asserts that a connection to an address ends at a port of a sandbox.
  ///
  /// @return who the server takes the client for
  static String assertTcp(
      NetworkNamespace from, String address, int port, Path to, int listeningPort)
      throws Exception {
    try (NetworkNamespace server = NetworkNamespace.open(to);
        ServerSocketChannel listener = server.call(ServerSocketChannel::open);
        SocketChannel channel = from.call(SocketChannel::open)) {
      listener.bind(new InetSocketAddress(listeningPort));
      channel
          .socket()
          .connect(
              new InetSocketAddress(IpAddress.parse(address).toInetAddress(), port),
              PATIENCE_MILLIS);
      try (SocketChannel accepted = listener.accept()) {
        return ((InetSocketAddress) accepted.getRemoteAddress()).getAddress().getHostAddress();
      }
    }
  }

  /// Asserts that a connection is refused or not heard of within a short time.
  static void assertNoTcp(NetworkNamespace from, String address, int port) throws Exception {
    try (SocketChannel channel = from.call(SocketChannel::open)) {
      boolean connected;
      try {
        channel
            .socket()
            .connect(new InetSocketAddress(IpAddress.parse(address).toInetAddress(), port), 500);
        connected = true;
      } catch (java.io.IOException e) {
        connected = false;
      }
      assertThat(connected).as("%s:%d is reached", address, port).isFalse();
    }
  }

  /// Asserts that a datagram to an address comes to a port of a sandbox, and the answer back.
  static void assertUdp(NetworkNamespace from, String address, int port, Path to, int listeningPort)
      throws Exception {
    try (NetworkNamespace server = NetworkNamespace.open(to);
        DatagramSocket receiver = server.call(() -> new DatagramSocket(listeningPort));
        DatagramSocket sender = from.call(() -> new DatagramSocket())) {
      InetSocketAddress target =
          new InetSocketAddress(IpAddress.parse(address).toInetAddress(), port);
      sender.setSoTimeout(1000);
      receiver.setSoTimeout(PATIENCE_MILLIS);
      byte[] text = {1, 2, 3};
      sender.send(new DatagramPacket(text, text.length, target));
      DatagramPacket got = new DatagramPacket(new byte[10], 10);
      receiver.receive(got);
      receiver.send(new DatagramPacket(got.getData(), got.getLength(), got.getSocketAddress()));
      DatagramPacket answer = new DatagramPacket(new byte[10], 10);
      sender.setSoTimeout(PATIENCE_MILLIS);
      sender.receive(answer);
      assertThat(answer.getLength()).isEqualTo(text.length);
      assertThat(answer.getSocketAddress()).isEqualTo(target);
    } catch (SocketTimeoutException e) {
      throw new AssertionError(address + ":" + port + " does not answer", e);
    }
  }
}
