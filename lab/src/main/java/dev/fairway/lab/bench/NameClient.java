// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab.bench;

import dev.fairway.net.IpAddress;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.PortUnreachableException;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;

/// Asks for a name's IPv4 addresses, so that no server's own code is what measures it.
final class NameClient {
  private static final int PORT = 53;
  private static final int TIMEOUT_MILLIS = 1000;

  private NameClient() {}

  /// Whether a server has an address for the name now.
  static boolean knows(String server, String name) throws IOException {
    return knows(new InetSocketAddress(IpAddress.parse(server).toInetAddress(), PORT), name);
  }

  static boolean knows(InetSocketAddress server, String name) throws IOException {
    byte[] question = question(name);
    try (DatagramSocket socket = new DatagramSocket()) {
      socket.setSoTimeout(TIMEOUT_MILLIS);
      socket.connect(server);
      socket.send(new DatagramPacket(question, question.length));
      byte[] answer = new byte[512];
      socket.receive(new DatagramPacket(answer, answer.length));
      return (answer[3] & 15) == 0 && answer[7] > 0;
    } catch (SocketTimeoutException | PortUnreachableException e) {
      return false;
    }
  }

  private static byte[] question(String name) {
    ByteArrayOutputStream octets = new ByteArrayOutputStream();
    octets.writeBytes(new byte[] {1, 2, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0});
    for (String label : name.split("\\.")) {
      octets.write(label.length());
      octets.writeBytes(label.getBytes(StandardCharsets.US_ASCII));
    }
    octets.writeBytes(new byte[] {0, 0, 1, 0, 1});
    return octets.toByteArray();
  }
}
