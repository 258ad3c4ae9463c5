// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.multicast;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.net.IpAddress;
import java.util.List;
import org.junit.jupiter.api.Test;

final class TellingTest {
  private static final long SECOND = 1_000_000_000L;
  private static final List<IpAddress> ONE = List.of(IpAddress.parse("239.0.0.1"));
  private static final List<IpAddress> OTHER = List.of(IpAddress.parse("239.0.0.2"));

  @Test
  void aJoinIsToldAtOnceAndALeaveLate() {
    Telling telling = new Telling(0);
    assertThat(telling.wait(List.of(), 0)).isEqualTo(Long.MAX_VALUE);
    assertThat(telling.wait(ONE, 0)).isZero();
    telling.told(ONE, 0);
    assertThat(telling.wait(ONE, 0)).isEqualTo(Long.MAX_VALUE);
    assertThat(telling.wait(List.of(), 10 * SECOND)).isEqualTo(50 * SECOND);
    assertThat(telling.wait(List.of(), 60 * SECOND)).isZero();
  }

  /// Whether it is the same group each time or another one.
  @Test
  void aPodThatJoinsAndLeavesAllTheTimeIsToldOfRarely() {
    for (List<IpAddress> second : List.of(ONE, OTHER)) {
      Telling telling = new Telling(0);
      int told = 0;
      for (int half = 0; half < 1200; half++) {
        long now = half * SECOND / 2;
        List<IpAddress> groups =
            switch (half % 4) {
              case 0 -> ONE;
              case 2 -> second;
              default -> List.<IpAddress>of();
            };
        if (telling.wait(groups, now) == 0) {
          telling.told(groups, now);
          told++;
        }
      }
      assertThat(told).as("in ten minutes").isLessThan(30);
    }
  }

  @Test
  void whoWasQuietIsToldAtOnceAgain() {
    Telling telling = new Telling(0);
    for (int i = 0; i < 10; i++) {
      telling.told(i % 2 == 0 ? ONE : OTHER, i * SECOND);
    }
    assertThat(telling.wait(ONE, 10 * SECOND)).isEqualTo(29 * SECOND);
    telling.told(ONE, 200 * SECOND);
    assertThat(telling.wait(OTHER, 201 * SECOND)).isZero();
  }
}
