// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet;

import dev.fairway.linux.NetworkNamespace;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;

/// Connections of a test, from namespace to namespace.
public final class PodTalk {
  private static final int PATIENCE_MILLIS = 60_000;

  private PodTalk() {}

  /// Both ends of a TCP connection.
  public record Pair(Socket client, Socket server) implements AutoCloseable {
    /// A byte there and one back.
    public void exchange() throws IOException {
      client.getOutputStream().write(7);
      if (server.getInputStream().read() != 7) {
        throw new IOException("the server got something else");
      }
      server.getOutputStream().write(8);
      if (client.getInputStream().read() != 8) {
        throw new IOException("the client got something else");
      }
    }

    @Override
    public void close() throws IOException {
      client.close();
      server.close();
    }
  }

  public static ServerSocket listen(NetworkNamespace pod, int port) throws IOException {
    return pod.call(() -> {
      ServerSocket socket = new ServerSocket();
      socket.setReuseAddress(true);
      socket.bind(new InetSocketAddress(port));
      socket.setSoTimeout(PATIENCE_MILLIS);
      return socket;
    });
  }

  /// Opens a connection to an address that leads to the listener.
  public static Pair open(
      NetworkNamespace from, int fromPort, String to, int toPort, ServerSocket listener)
      throws IOException {
    Socket client =
        from.call(() -> {
          Socket socket = new Socket();
          socket.setReuseAddress(true);
          socket.bind(
              new InetSocketAddress(
                  InetAddress.getByName(to.indexOf(':') >= 0 ? "::" : "0.0.0.0"), fromPort));
          socket.connect(new InetSocketAddress(to, toPort), PATIENCE_MILLIS);
          return socket;
        });
    Socket server = listener.accept();
    client.setSoTimeout(PATIENCE_MILLIS);
    server.setSoTimeout(PATIENCE_MILLIS);
    client.setTcpNoDelay(true);
    server.setTcpNoDelay(true);
    return new Pair(client, server);
  }

  public static DatagramSocket udp(NetworkNamespace pod, int port) throws IOException {
    return pod.call(() -> {
      DatagramSocket socket = new DatagramSocket(port);
      socket.setSoTimeout(PATIENCE_MILLIS);
      return socket;
    });
  }

  public static void send(DatagramSocket from, String to, int port, int bytes) throws IOException {
    from.send(new DatagramPacket(new byte[bytes], bytes, new InetSocketAddress(to, port)));
  }

  /// The next datagram.
  public static DatagramPacket receive(DatagramSocket at) throws IOException {
    DatagramPacket packet = new DatagramPacket(new byte[70_000], 70_000);
    at.receive(packet);
    return packet;
  }
}
