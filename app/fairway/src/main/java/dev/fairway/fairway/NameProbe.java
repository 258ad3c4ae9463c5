// SPDX-License-Identifier: Apache-2.0
package dev.fairway.fairway;

import dev.fairway.linux.KernelException;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.provision.ClusterPaths;
import dev.fairway.provision.ClusterSpec;
import dev.fairway.provision.Machine;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.nio.charset.StandardCharsets;

/// Asks a machine's name server for the API server, as the first pod there would.
final class NameProbe {
  private static final int DNS_PORT = 53;
  private static final int PATIENCE_MILLIS = 500;
  private static final int ID = 0x4657;
  private static final int RCODE_MASK = 0x0f;
  private static final String NAME = "kubernetes.default.svc." + ClusterSpec.CLUSTER_DOMAIN;

  private NameProbe() {}

  static boolean resolves(ClusterSpec spec, ClusterPaths paths, Machine machine) {
    byte[] query = query();
    byte[] answer = new byte[512];
    try (NetworkNamespace namespace = NetworkNamespace.open(paths.networkNamespace(machine));
        DatagramSocket socket = namespace.call(() -> new DatagramSocket())) {
      socket.setSoTimeout(PATIENCE_MILLIS);
      socket.connect(spec.dnsAddress().toInetAddress(), DNS_PORT);
      socket.send(new DatagramPacket(query, query.length));
      socket.receive(new DatagramPacket(answer, answer.length));
      int answers = answer[6] << 8 | answer[7];
      return (answer[0] & 0xff) == ID >> 8 && (answer[3] & RCODE_MASK) == 0 && answers == 1;
    } catch (IOException | KernelException e) {
      return false;
    }
  }

  /// One question of type A, class IN, recursion desired (RFC 1035 section 4.1).
  private static byte[] query() {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.writeBytes(new byte[] {(byte) (ID >> 8), (byte) ID, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0});
    for (String label : NAME.split("[.]")) {
      out.write(label.length());
      out.writeBytes(label.getBytes(StandardCharsets.US_ASCII));
    }
    out.writeBytes(new byte[] {0, 0, 1, 0, 1});
    return out.toByteArray();
  }
}
