// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp.bfd;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HexFormat;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BfdPacketTest {
  private static final HexFormat HEX = HexFormat.of();

  @Test
  void asOnTheWire() {
    BfdPacket packet =
        new BfdPacket(
            BfdDiagnostic.DETECTION_TIME_EXPIRED,
            BfdState.UP,
            true,
            false,
            false,
            false,
            5,
            0x01020304,
            0x0a0b0c0d,
            50_000,
            1_000_000,
            0);
    String hex = "21e00518" + "01020304" + "0a0b0c0d" + "0000c350" + "000f4240" + "00000000";
    assertThat(HEX.formatHex(packet.bytes())).isEqualTo(hex);
    assertThat(BfdPacket.read(HEX.parseHex(hex))).contains(packet);
    assertThat(BfdPacket.read(HEX.parseHex(hex + "ffff"))).contains(packet);
  }

  @ParameterizedTest
  @CsvSource({
    "01e00518, version 0",
    "21e00018, multiplier 0",
    "21e00517, too short a length",
    "21e00519, longer than what came",
    "21e40518, authentication",
    "21e10518, multipoint"
  })
  void discards(String start, String why) {
    byte[] bytes = HEX.parseHex(start + "0102030401020304" + "0000c350000f424000000000");
    assertThat(BfdPacket.read(bytes)).as(why).isEmpty();
  }

  @Test
  void discardsWhatNamesNoSession() {
    String times = "0000c350000f424000000000";
    assertThat(BfdPacket.read(HEX.parseHex("20c00518" + "00000000" + "01020304" + times)))
        .isEmpty();
    assertThat(BfdPacket.read(HEX.parseHex("20c00518" + "01020304" + "00000000" + times)))
        .isEmpty();
    assertThat(BfdPacket.read(HEX.parseHex("20400518" + "01020304" + "00000000" + times)))
        .isPresent();
  }

  @Test
  void anyBytesGiveAPacketOrNothing() {
    Random random = new Random(3784);
    int read = 0;
    for (int i = 0; i < 200_000; i++) {
      byte[] bytes = new byte[random.nextInt(40)];
      random.nextBytes(bytes);
      if (bytes.length > 4 && random.nextBoolean()) {
        bytes[0] = (byte) (1 << 5 | (bytes[0] & 31));
        bytes[3] = (byte) (20 + random.nextInt(24));
      }
      BfdPacket packet = BfdPacket.read(bytes).orElse(null);
      if (packet != null) {
        read++;
        assertThat(BfdPacket.read(packet.bytes())).contains(packet);
      }
    }
    assertThat(read).isGreaterThan(1000);
  }
}
