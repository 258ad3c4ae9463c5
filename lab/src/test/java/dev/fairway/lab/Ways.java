// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab;

import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketAddress;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import jdk.net.ExtendedSocketOptions;

/// Tries every way from one place to another, and says what did not go.
final class Ways {
  private static final int PATIENCE_MILLIS = 30_000;
  private static final int TRIES = 30;
  private static final int TRY_MILLIS = 1000;
  private static final int BULK_BYTES = 1 << 20;
  private static final int FRAGMENTED_BYTES = 4000;
  private static final int UDP_HEADER = 8;

  private final Place from;
  private final Place to;
  private final List<String> problems = new ArrayList<>();

  private Ways(Place from, Place to) {
    this.from = from;
    this.to = to;
  }

  /// @param echo of the second place
  static List<String> problems(Place from, Place to, Echo echo) {
    Ways ways = new Ways(from, to);
    int payload = Math.min(from.mtu(), to.mtu()) - header(echo.address().family()) - UDP_HEADER;
    ways.attempt(echo, "TCP", () -> ways.tcp(echo, 1));
    ways.attempt(echo, "TCP, 1 MiB there and back", () -> ways.tcp(echo, BULK_BYTES));
    ways.attempt(echo, "UDP", () -> ways.udp(echo, 1));
    ways.attempt(echo, "UDP, " + payload + " bytes unfragmented", () -> ways.udp(echo, payload));
    ways.attempt(echo, "UDP, in fragments", () -> ways.udp(echo, FRAGMENTED_BYTES));
    // An ICMP echo has a header as long as UDP's.
    ways.attempt(echo, "ICMP", () -> ways.ping(echo.address(), 8));
    ways.attempt(
        echo, "ICMP, " + payload + " bytes unfragmented", () -> ways.ping(echo.address(), payload));
    return ways.problems;
  }

  private interface Way {
    void go() throws IOException, InterruptedException;
  }

  private void attempt(Echo echo, String what, Way way) {
    try {
      way.go();
    } catch (IOException e) {
      problems.add(
          "%s -> %s %s by %s: %s".formatted(from.name(), to.name(), echo.address(), what, e));
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private static int header(IpFamily family) {
    return family == IpFamily.IPV4 ? 20 : 40;
  }

  static InetAddress source(SocketAddress address) {
    return ((InetSocketAddress) address).getAddress();
  }

  private void tcp(Echo echo, int bytes) throws IOException {
    byte[] sent = new byte[bytes];
    new Random(bytes).nextBytes(sent);
    try (SocketChannel channel =
            from.namespace().call(() -> SocketChannel.open(Echo.family(echo.address())));
        Socket socket = channel.socket()) {
      socket.connect(echo.tcpAddress(), PATIENCE_MILLIS);
      socket.setSoTimeout(PATIENCE_MILLIS);
      var in = socket.getInputStream();
      InetAddress seen = InetAddress.getByAddress(in.readNBytes(in.read()));
      // Between pods no address is ever translated. A machine has more addresses than one.
      if (from.own() && from.addresses().stream().noneMatch(a -> a.toInetAddress().equals(seen))) {
        throw new IOException("it seemed to come from " + seen.getHostAddress());
      }
      Thread writer =
          Thread.ofVirtual()
              .start(() -> {
                try {
                  socket.getOutputStream().write(sent);
                } catch (IOException e) {
                  // what is missing then is seen by the reader
                }
              });
      byte[] back = in.readNBytes(bytes);
      if (!Arrays.equals(sent, back)) {
        throw new IOException("of " + bytes + " bytes came back " + back.length);
      }
      writer.join();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private void udp(Echo echo, int bytes) throws IOException {
    byte[] sent = new byte[bytes];
    new Random(bytes).nextBytes(sent);
    try (DatagramChannel channel =
        from.namespace().call(() -> DatagramChannel.open(Echo.family(echo.address())))) {
      channel.setOption(ExtendedSocketOptions.IP_DONTFRAGMENT, bytes <= 1500);
      channel.connect(echo.udpAddress());
      byte[] back = new byte[Echo.LARGEST_DATAGRAM];
      var socket = channel.socket();
      socket.setSoTimeout(TRY_MILLIS);
      // A datagram may be lost on a busy machine.
      for (int i = 0; i < TRIES; i++) {
        channel.write(ByteBuffer.wrap(sent));
        var answer = new java.net.DatagramPacket(back, back.length);
        try {
          socket.receive(answer);
        } catch (SocketTimeoutException e) {
          continue;
        }
        if (Arrays.equals(sent, Arrays.copyOf(back, answer.getLength()))) {
          return;
        }
      }
      throw new IOException("no answer");
    }
  }

  /// Linux sets "don't fragment" on what fits the way's MTU. A packet may be lost, as by UDP.
  private void ping(IpAddress address, int payload) throws IOException, InterruptedException {
    String output = "";
    for (int i = 0; i < TRIES; i++) {
      Process ping = startPing(address, payload);
      output = new String(ping.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      if (ping.waitFor() == 0) {
        return;
      }
    }
    throw new IOException(output.strip().replace('\n', ' '));
  }

  private Process startPing(IpAddress address, int payload) throws IOException {
    return new ProcessBuilder(
            "nsenter",
            "--net=" + from.file(),
            "busybox",
            "ping",
            address.family() == IpFamily.IPV4 ? "-4" : "-6",
            "-c",
            "1",
            "-W",
            String.valueOf(TimeUnit.MILLISECONDS.toSeconds(TRY_MILLIS)),
            "-s",
            String.valueOf(payload),
            address.toString())
        .redirectErrorStream(true)
        .start();
  }
}
