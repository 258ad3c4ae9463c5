// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab;

import dev.fairway.linux.NetworkNamespace;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.StandardProtocolFamily;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.DatagramChannel;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import jdk.net.ExtendedSocketOptions;

/// Answers at one address of a place with what it is sent, by TCP and by UDP, at free ports. An
/// answer by TCP begins with a line that tells whom the server saw; datagrams go back unfragmented
/// or not at all, unless they came in fragments.
record Echo(IpAddress address, ServerSocketChannel tcp, DatagramChannel udp)
    implements AutoCloseable {
  static final int LARGEST_DATAGRAM = 9000;

  static Echo at(NetworkNamespace namespace, IpAddress address) throws IOException {
    StandardProtocolFamily family = family(address);
    ServerSocketChannel tcp = namespace.call(() -> ServerSocketChannel.open(family));
    DatagramChannel udp = namespace.call(() -> DatagramChannel.open(family));
    tcp.bind(new InetSocketAddress(address.toInetAddress(), 0));
    udp.bind(new InetSocketAddress(address.toInetAddress(), 0));
    Echo echo = new Echo(address, tcp, udp);
    Thread.ofVirtual().start(echo::serveTcp);
    Thread.ofVirtual().start(echo::serveUdp);
    return echo;
  }

  static StandardProtocolFamily family(IpAddress address) {
    return address.family() == IpFamily.IPV4
        ? StandardProtocolFamily.INET
        : StandardProtocolFamily.INET6;
  }

  InetSocketAddress tcpAddress() {
    return new InetSocketAddress(address.toInetAddress(), tcp.socket().getLocalPort());
  }

  InetSocketAddress udpAddress() {
    return new InetSocketAddress(address.toInetAddress(), udp.socket().getLocalPort());
  }

  private void serveTcp() {
    try {
      while (true) {
        SocketChannel connection = tcp.accept();
        Thread.ofVirtual().start(() -> serve(connection));
      }
    } catch (IOException e) {
      report(e);
    }
  }

  private static void serve(SocketChannel connection) {
    try (connection) {
      byte[] seen = Ways.source(connection.getRemoteAddress()).getAddress();
      ByteBuffer buffer = ByteBuffer.allocate(1 << 16);
      buffer.put((byte) seen.length).put(seen).flip();
      do {
        while (buffer.hasRemaining()) {
          connection.write(buffer);
        }
        buffer.clear();
      } while (connection.read(buffer) >= 0 && buffer.flip() != null);
    } catch (IOException e) {
      report(e);
    }
  }

  private void serveUdp() {
    ByteBuffer buffer = ByteBuffer.allocate(LARGEST_DATAGRAM);
    try {
      while (true) {
        buffer.clear();
        var from = udp.receive(buffer);
        buffer.flip();
        boolean small = buffer.remaining() <= 1500;
        udp.setOption(ExtendedSocketOptions.IP_DONTFRAGMENT, small);
        try {
          udp.send(buffer, from);
        } catch (ClosedChannelException e) {
          throw e;
        } catch (IOException e) {
          report(e); // the asker sees it as no answer
        }
      }
    } catch (IOException e) {
      report(e);
    }
  }

  private static void report(IOException e) {
    if (!(e instanceof ClosedChannelException)) {
      System.err.println("echo: " + e);
    }
  }

  @Override
  public void close() throws IOException {
    tcp.close();
    udp.close();
  }
}
