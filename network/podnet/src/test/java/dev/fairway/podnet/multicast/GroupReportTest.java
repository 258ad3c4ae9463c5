// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.multicast;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class GroupReportTest {
  /// Packets of a Linux pod, but for the two of version 2 and the one with a source.
  @ParameterizedTest
  @CsvSource({
    "46c0002800004000010200000ac80002e0000016940400002200000000000001 04000000 ef010203, 239.1.2.3, true",
    "46c0002800004000010200000ac80002e0000016940400002200000000000001 03000000 ef010203, 239.1.2.3, false",
    "46c0002c00004000010200000ac80002e0000016940400002200000000000001 05000001 ef010203 0a000001,"
        + " 239.1.2.3, true",
    "46c0002000004000010200000ac80002ef0102039404000016000000 ef010203, 239.1.2.3, true",
    "46c0002000004000010200000ac80002e00000029404000017000000 ef010203, 239.1.2.3, false",
  })
  void whatPodsSay(String packet, String group, boolean member) {
    assertThat(reports(packet)).containsExactly(new GroupReport(IpAddress.parse(group), member));
  }

  @Test
  void groupsOfOneLinkAreNoMatterOfOurs() {
    assertThat(
            reports(
                "46c0002800004000010200000ac80002e0000016940400002200000000000001 04000000 e00000fb"))
        .isEmpty();
    assertThat(GroupPacket.isWide(IpAddress.parse("ff02::1:3"))).isFalse();
    assertThat(GroupPacket.isWide(IpAddress.parse("ff05::1:3"))).isTrue();
    assertThat(GroupPacket.isWide(IpAddress.parse("224.0.1.1"))).isTrue();
    assertThat(GroupPacket.isWide(IpAddress.parse("10.0.0.1"))).isFalse();
  }

  private static List<GroupReport> reports(String hex) {
    return GroupReport.read(
        GroupPacket.read(HexFormat.of().parseHex(hex.replace(" ", "")), 0).orElseThrow());
  }

  /// What a pod can send is anything.
  @Test
  void nothingThatComesBreaksTheReader() {
    Random random = new Random(5);
    byte[][] seeds = {
      GroupPacket.query(IpFamily.IPV4, IpAddress.parse("169.254.1.1")).bytes(),
      GroupPacket.query(IpFamily.IPV6, IpAddress.parse("fe80::1")).bytes(),
      HexFormat.of()
          .parseHex(
              "46c0002800004000010200000ac80002e000001694040000220000000000000104000000ef010203")
    };
    int read = 0;
    for (int round = 0; round < 200_000; round++) {
      byte[] packet = seeds[round % seeds.length].clone();
      for (int i = random.nextInt(6); i > 0; i--) {
        packet[random.nextInt(packet.length)] = (byte) random.nextInt();
      }
      byte[] cut = java.util.Arrays.copyOf(packet, random.nextInt(packet.length + 1));
      Optional<GroupPacket> found = GroupPacket.read(random.nextBoolean() ? cut : packet, 0);
      if (found.isPresent()) {
        read++;
        assertThat(GroupReport.read(found.get())).hasSizeLessThan(513);
      }
    }
    assertThat(read).isGreaterThan(1000);
  }

  @Test
  void whatAPodCanMakeUsKeepIsBounded() {
    Members members = new Members();
    for (int i = 0; i < 1000; i++) {
      GroupReport report = new GroupReport(IpAddress.ofIpv4(0xef000000 + i), true);
      members.said(1 + i / 100, report, 10);
    }
    assertThat(members.groups()).hasSize(256);
    assertThat(members.links(IpAddress.parse("239.0.0.63"))).containsExactly(1);
    assertThat(members.links(IpAddress.parse("239.0.0.64"))).isEmpty();
    members.keep(Set.of(1), 5);
    assertThat(members.groups()).hasSize(64);
    members.keep(Set.of(1), 11);
    assertThat(members.groups()).isEmpty();
    members.said(1, new GroupReport(IpAddress.parse("239.0.0.1"), true), 20);
    assertThat(members.groups()).hasSize(1);
  }
}
