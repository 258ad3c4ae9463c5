// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import org.junit.jupiter.api.Test;

/// Bytes from the kernel are read without trust: whatever they are, the readers give values or
/// nothing.
class NetlinkFuzzTest {
  @Test
  void readersSurviveAnyBytes() {
    Random random = new Random(1);
    for (int round = 0; round < 20_000; round++) {
      byte[] bytes = new byte[random.nextInt(200)];
      random.nextBytes(bytes);
      if (bytes.length > 60 && random.nextBoolean()) {
        shape(bytes, random);
      }
      NetlinkSocket.forEachMessage(bytes, (type, flags, number, payload) -> readAll(payload));
      readAll(new NetlinkReader(bytes, 0, bytes.length));
    }
  }

  /// Makes it likely that headers are believed, so that the bytes behind them are looked at.
  private static void shape(byte[] bytes, Random random) {
    java.nio.ByteBuffer buffer =
        java.nio.ByteBuffer.wrap(bytes).order(java.nio.ByteOrder.nativeOrder());
    bytes[0] = (byte) (random.nextBoolean() ? 2 : 10);
    for (int at = 8; at + 8 < bytes.length; ) {
      int length = 4 + 4 * random.nextInt(6);
      buffer.putShort(at, (short) length);
      buffer.putShort(at + 2, (short) random.nextInt(40));
      at += length;
    }
  }

  private static void readAll(NetlinkReader payload) {
    RouteReader.link(RouteWire.NEWLINK, payload);
    RouteReader.address(RouteWire.NEWADDR, payload);
    RouteReader.route(RouteWire.NEWROUTE, payload);
    RouteReader.neighbour(RouteWire.NEWNEIGH, payload);
    RouteReader.forwarding(RouteWire.NEWNEIGH, payload);
    assertThat(Conntrack.entry(payload)).isNotNull();
    assertThat(NetlinkSocket.answer(0, 0x300, payload).reason()).isNotNull();
    assertThat(NetlinkSocket.answer(0, 0x200, payload).reason()).isNotNull();
  }

  @Test
  void mountinfoSurvivesAnyText() {
    Random random = new Random(2);
    String alphabet = "/\\ -\n01740abc:,=";
    for (int round = 0; round < 20_000; round++) {
      StringBuilder text = new StringBuilder();
      for (int i = random.nextInt(120); i > 0; i--) {
        text.append(alphabet.charAt(random.nextInt(alphabet.length())));
      }
      assertThat(Mounts.parse(text.toString())).isNotNull();
    }
  }
}
