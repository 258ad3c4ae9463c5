// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux.wireguard;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import dev.fairway.net.TransportAddress;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// The text protocol, by the examples of its page, and keys.
final class UserspaceTextTest {
  private static final String KEY = "ab".repeat(32);

  private static final String ANSWER =
      """
      private_key=77076d0a7318a57d3c16c17251b26645cecf5b9e4d1a2b6ef4e1e4e0a0d0d02a
      listen_port=12912
      public_key=b85996fecc9c7f1fc6d2572a76eda11d59bcd20be8e543b15ce4bd85a8e75a33
      preshared_key=188515093e952f5f22e865cef3012e72f8b5f0b598ac0309d5dacce3b70fcf52
      allowed_ip=192.168.4.4/32
      endpoint=[abcd:23::33]:51820
      public_key=58402e695ba1772b1cc9309755f043251ea77fdcf10fbe63989ceb7e19321376
      tx_bytes=38333
      rx_bytes=2224
      allowed_ip=192.168.4.6/32
      persistent_keepalive_interval=111
      endpoint=182.122.22.19:3233
      last_handshake_time_sec=1700000000
      protocol_version=1
      errno=0

      """;

  @Test
  void aDeviceIsRead() {
    WireGuardDevice device = UserspaceText.read(ANSWER).device();
    assertThat(device.port()).isEqualTo(12912);
    assertThat(device.peers()).hasSize(2);
    assertThat(device.peers().getFirst().endpoint())
        .contains(new TransportAddress(IpAddress.parse("abcd:23::33"), 51820));
    WireGuardPeer second = device.peers().getLast();
    assertThat(second.allowed()).containsExactly(Prefix.parse("192.168.4.6/32"));
    assertThat(second.keepaliveSeconds()).isEqualTo(111);
    assertThat(second.handshakeSeconds()).isEqualTo(1_700_000_000);
    assertThat(second.received()).isEqualTo(2224);
    assertThat(second.sent()).isEqualTo(38333);
  }

  /// One peer that comes by a link-local address does not make the rest unreadable.
  @Test
  void anEndpointThatIsNoAddressHereIsLeftOut() {
    WireGuardDevice device =
        UserspaceText.read(ANSWER.replace("[abcd:23::33]", "[fe80::1%eth0]")).device();
    assertThat(device.peers()).hasSize(2);
    assertThat(device.peers().getFirst().endpoint()).isEmpty();
    assertThat(device.peers().getLast().endpoint()).isPresent();
  }

  @Test
  void aChangeIsWritten() {
    WireGuardKey key = WireGuardKey.ofHex(KEY);
    WireGuardPeer peer =
        WireGuardPeer.of(
            key,
            new TransportAddress(IpAddress.parse("fd00::1"), 51820),
            List.of(Prefix.parse("10.200.1.0/24"), Prefix.parse("fd00:1::/64")),
            25);
    WireGuardChange change =
        new WireGuardChange(
            Optional.empty(),
            OptionalInt.of(51820),
            List.of(
                new WireGuardChange.Put(peer, true),
                new WireGuardChange.Put(peer, false),
                new WireGuardChange.Remove(key)));
    assertThat(UserspaceText.set(change))
        .isEqualTo(
            """
            set=1
            listen_port=51820
            public_key=KEY
            endpoint=[fd00::1]:51820
            replace_allowed_ips=true
            allowed_ip=10.200.1.0/24
            allowed_ip=fd00:1::/64
            persistent_keepalive_interval=25
            public_key=KEY
            endpoint=[fd00::1]:51820
            persistent_keepalive_interval=25
            public_key=KEY
            remove=true

            """
                .replace("KEY", KEY));
  }

  @ParameterizedTest
  @CsvSource({"errno=98, 98", "errno=-98, 98", "errno=0, 0"})
  void anErrorIsRead(String line, int errno) {
    assertThat(UserspaceText.read(line + "\n\n").errno()).isEqualTo(errno);
  }

  @ParameterizedTest
  @CsvSource({
    "'', errno",
    "'public_key=zz\nerrno=0\n\n', public_key",
    "'private_key=0011\nerrno=0\n\n', private_key",
    "'listen_port=70000\nerrno=0\n\n', listen_port",
    "'errno=x\n\n', errno",
  })
  void whatIsNoAnswerIsSaidWithoutItsWords(String text, String field) {
    assertThatThrownBy(() -> UserspaceText.read(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(field)
        .message()
        .doesNotContain("0011", "zz", "70000");
  }

  /// The public halves are those that `wg pubkey` gives.
  @ParameterizedTest
  @CsvSource({
    "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=, B6N8vBQgk8i3VdwbEOhstCY3StFqqFPtC9/AsrhtHHw=",
    "QEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEA=, 17XoHTNuV4sTuNcG6C0GHjA4yWvOZs3PUNVmuW3buhA=",
  })
  void aSecretHasItsPublicKeyAndPrintsNothingElse(String text, String publicKey) {
    WireGuardSecret secret = WireGuardSecret.parse(text + "\n");
    assertThat(secret.publicKey()).hasToString(publicKey);
    assertThat(secret.toString()).doesNotContain(secret.text(), secret.hex(), text);
    assertThat(WireGuardSecret.parse(secret.text()).publicKey()).isEqualTo(secret.publicKey());
  }

  @Test
  void aNewSecretIsAnother() {
    assertThat(WireGuardSecret.generate().text()).isNotEqualTo(WireGuardSecret.generate().text());
    assertThatThrownBy(() -> WireGuardSecret.parse("c2VjcmV0"))
        .message()
        .doesNotContain("c2VjcmV0", "secret");
  }

  @Test
  void anyTextIsReadOrRefused() {
    Random random = new Random(3);
    int refused = 0;
    for (int round = 0; round < 3000; round++) {
      StringBuilder text = new StringBuilder(ANSWER);
      for (int flips = random.nextInt(6); flips >= 0; flips--) {
        int at = random.nextInt(text.length());
        switch (random.nextInt(3)) {
          case 0 -> text.setCharAt(at, (char) (10 + random.nextInt(120)));
          case 1 -> text.deleteCharAt(at);
          default -> text.insert(at, ANSWER.charAt(random.nextInt(ANSWER.length())));
        }
      }
      try {
        assertThat(UserspaceText.read(text.toString()).device().peers()).hasSizeLessThan(10);
      } catch (IllegalArgumentException e) {
        assertThat(e.getMessage()).isNotBlank();
        refused++;
      }
    }
    assertThat(refused).isGreaterThan(100);
  }
}
