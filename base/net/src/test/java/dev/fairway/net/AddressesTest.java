// SPDX-License-Identifier: Apache-2.0
package dev.fairway.net;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class AddressesTest {
  @ParameterizedTest
  @CsvSource({
    "10.0.0.1, 10.0.0.1",
    "255.255.255.255, 255.255.255.255",
    "::, ::",
    "::1, ::1",
    "1::, 1::",
    "2001:db8:0:0:1:0:0:1, 2001:db8::1:0:0:1",
    "2001:DB8::A, 2001:db8::a",
    "fe80::1:2:3:4, fe80::1:2:3:4",
    "1:0:3:4:5:6:7:8, 1:0:3:4:5:6:7:8",
    "::ffff:10.1.2.3, ::ffff:10.1.2.3",
    "64:ff9b::192.0.2.33, 64:ff9b::c000:221",
  })
  void readsAndWritesAddresses(String text, String canonical) {
    assertThat(IpAddress.parse(text)).hasToString(canonical);
    assertThat(IpAddress.ofBytes(IpAddress.parse(text).bytes())).hasToString(canonical);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "10",
        "10.0.0",
        "10.0.0.0.1",
        "10.0.0.256",
        "10.0.0.01",
        "10.0.0.1 ",
        "a.b.c.d",
        ":",
        ":::",
        "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:9",
        "1::2::3",
        "12345::",
        "g::",
        "1:",
        ":1",
        "::1.2.3",
        "1:2:3:4:5:6:7::8:9",
        "fe80::1%eth0",
        "0000010.0.0.1",
        "::ffff:1.2.3.4:1"
      })
  void refusesWhatIsNoAddress(String text) {
    assertThatThrownBy(() -> IpAddress.parse(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("is not an IP address");
  }

  @Test
  void everyAddressSurvivesItsText() {
    Random random = new Random(1);
    for (int i = 0; i < 20_000; i++) {
      long mask = random.nextInt(3) == 0 ? 0xffff_0000_0000_ffffL : -1;
      IpAddress ipv6 =
          new IpAddress(IpFamily.IPV6, random.nextLong() & mask, random.nextLong() & mask);
      assertThat(IpAddress.parse(ipv6.toString())).isEqualTo(ipv6);
      IpAddress ipv4 = IpAddress.ofIpv4(random.nextInt());
      assertThat(IpAddress.parse(ipv4.toString())).isEqualTo(ipv4);
    }
  }

  @Test
  void anyTextIsReadOrRefused() {
    Random random = new Random(2);
    String alphabet = "0123456789abcdef:.:/gG %";
    for (int i = 0; i < 100_000; i++) {
      StringBuilder text = new StringBuilder();
      for (int length = random.nextInt(24); length > 0; length--) {
        text.append(alphabet.charAt(random.nextInt(alphabet.length())));
      }
      try {
        IpAddress address = IpAddress.parse(text.toString());
        assertThat(IpAddress.parse(address.toString())).isEqualTo(address);
        Prefix prefix = Prefix.parse(text + "/" + random.nextInt(140));
        assertThat(Prefix.parse(prefix.toString())).isEqualTo(prefix);
      } catch (IllegalArgumentException refused) {
        assertThat(refused).hasMessageContaining("is not");
      }
    }
  }

  @Test
  void countsAddresses() {
    assertThat(IpAddress.parse("10.0.0.255").plus(1)).hasToString("10.0.1.0");
    assertThat(IpAddress.parse("10.0.1.0").plus(-1)).hasToString("10.0.0.255");
    assertThat(IpAddress.parse("fd00::ffff:ffff:ffff:ffff").plus(1)).hasToString("fd00:0:0:1::");
    assertThat(IpAddress.parse("fd00:0:0:1::").plus(-1)).hasToString("fd00::ffff:ffff:ffff:ffff");
    assertThat(IpAddress.parse("10.0.1.5").minus(IpAddress.parse("10.0.1.0"))).isEqualTo(5);
  }

  @Test
  void tellsSpecialAddresses() {
    assertThat(IpAddress.parse("127.3.0.1").isLoopback()).isTrue();
    assertThat(IpAddress.parse("::1").isLoopback()).isTrue();
    assertThat(IpAddress.parse("169.254.1.1").isLinkLocal()).isTrue();
    assertThat(IpAddress.parse("fe80::1").isLinkLocal()).isTrue();
    assertThat(IpAddress.parse("fec0::1").isLinkLocal()).isFalse();
    assertThat(IpAddress.parse("224.0.0.1").isMulticast()).isTrue();
    assertThat(IpAddress.parse("ff02::1").isMulticast()).isTrue();
    assertThat(IpAddress.parse("0.0.0.0").isUnspecified()).isTrue();
  }

  @Test
  void prefixesClearHostBits() {
    assertThat(Prefix.parse("10.200.7.9/16")).hasToString("10.200.0.0/16");
    assertThat(Prefix.parse("fd00:1:2:3:4::/50")).hasToString("fd00:1:2::/50");
    assertThat(Prefix.isCanonical("10.200.7.9/16")).isFalse();
    assertThat(Prefix.isCanonical("10.200.0.0/16")).isTrue();
    assertThat(Prefix.parse("0.0.0.0/0").last()).hasToString("255.255.255.255");
    assertThat(Prefix.parse("fd00::/48").last()).hasToString("fd00::ffff:ffff:ffff:ffff:ffff");
  }

  @Test
  void prefixesContainAndDivide() {
    Prefix pods = Prefix.parse("10.200.0.0/16");
    assertThat(pods.subnet(24, 2)).hasToString("10.200.2.0/24");
    assertThat(pods.contains(IpAddress.parse("10.200.255.1"))).isTrue();
    assertThat(pods.contains(IpAddress.parse("10.201.0.0"))).isFalse();
    assertThat(pods.contains(IpAddress.parse("::1"))).isFalse();
    assertThat(pods.overlaps(Prefix.parse("10.0.0.0/8"))).isTrue();
    assertThat(pods.at(10)).hasToString("10.200.0.10");
    assertThat(pods.size()).isEqualTo(65536);
    assertThat(Prefix.parse("fd00::/48").subnet(64, 5)).hasToString("fd00:0:0:5::/64");
    assertThat(Prefix.parse("fd00::/60").subnet(72, 0x123)).hasToString("fd00:0:0:1:2300::/72");
    assertThatThrownBy(() -> pods.subnet(24, 256)).isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> pods.at(65536)).isInstanceOf(IndexOutOfBoundsException.class);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/08", "::/129", "::/-1", "x/8"})
  void refusesWhatIsNoPrefix(String text) {
    assertThatThrownBy(() -> Prefix.parse(text)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void macAddresses() {
    MacAddress mac = MacAddress.ofIpv4(IpAddress.parse("10.200.0.2"));
    assertThat(mac).hasToString("0a:58:0a:c8:00:02");
    assertThat(MacAddress.parse(mac.toString())).isEqualTo(mac);
    assertThat(MacAddress.ofBytes(mac.bytes())).isEqualTo(mac);
    assertThatThrownBy(() -> MacAddress.parse("0a:58:0a:c8:00"))
        .hasMessage("\"0a:58:0a:c8:00\" is not a MAC address");
  }
}
