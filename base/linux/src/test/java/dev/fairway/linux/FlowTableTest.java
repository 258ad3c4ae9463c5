// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.net.IpAddress;
import dev.fairway.net.TransportAddress;
import java.util.Random;
import org.junit.jupiter.api.Test;

final class FlowTableTest {
  private static final String TCP =
      "ipv4     2 tcp      6 431999 ESTABLISHED src=10.200.0.2 dst=10.32.0.10 sport=41234 dport=53"
          + " src=10.200.1.7 dst=10.240.0.20 sport=1053 dport=61000 [ASSURED] mark=0 zone=0 use=2";
  private static final String UDP =
      "ipv6     10 udp      17 28 src=fd00::1 dst=fd00::2 sport=5 dport=53 [UNREPLIED]"
          + " src=fd00::2 dst=fd00::1 sport=53 dport=5 mark=0 use=2";
  private static final String ICMP =
      "ipv4     2 icmp     1 29 src=10.0.0.1 dst=10.0.0.2 type=8 code=0 id=7 src=10.0.0.2"
          + " dst=10.0.0.1 type=0 code=0 id=7 mark=0 use=2";

  private static TransportAddress at(String address, int port) {
    return new TransportAddress(IpAddress.parse(address), port);
  }

  @Test
  void linesAreRead() {
    assertThat(FlowTable.flow(TCP))
        .contains(
            new Conntrack.Flow(
                6,
                at("10.200.0.2", 41234),
                at("10.32.0.10", 53),
                at("10.200.1.7", 1053),
                at("10.240.0.20", 61000)));
    assertThat(FlowTable.flow(UDP))
        .contains(
            new Conntrack.Flow(
                17, at("fd00::1", 5), at("fd00::2", 53), at("fd00::2", 53), at("fd00::1", 5)));
    assertThat(FlowTable.flow(ICMP)).isEmpty();
  }

  @Test
  void brokenLinesAreLeftOut() {
    Random random = new Random(7);
    for (int i = 0; i < 20_000; i++) {
      StringBuilder line = new StringBuilder(random.nextBoolean() ? TCP : UDP);
      for (int j = random.nextInt(4); j >= 0; j--) {
        line.setCharAt(random.nextInt(line.length()), (char) random.nextInt(32, 127));
      }
      line.setLength(random.nextInt(line.length() + 1));
      assertThat(FlowTable.flow(line.toString())).isNotNull();
    }
  }
}
