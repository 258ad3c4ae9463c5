// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.kubelet.VolumeContents.HeldToken;
import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.Test;

final class HeldTokenTest {
  private static final Instant STEADY = Instant.ofEpochSecond(1_000);
  private static final Instant CLOCK = Instant.ofEpochSecond(1_700_000_000);
  private static final Duration HOUR = Duration.ofHours(1);

  private static HeldToken held(Duration clockIsFast) {
    return HeldToken.of(
        new ClusterObjects.Token("token", CLOCK.plus(HOUR)), HOUR, STEADY, CLOCK.plus(clockIsFast));
  }

  private static boolean isFresh(HeldToken held, int steadyMinutes, int clockMinutes) {
    return held.isFresh(
        STEADY.plus(Duration.ofMinutes(steadyMinutes)),
        CLOCK.plus(Duration.ofMinutes(clockMinutes)));
  }

  @Test
  void itIsRenewedAfterFourFifthsOfItsLife() {
    HeldToken held = held(Duration.ZERO);
    assertThat(isFresh(held, 47, 47)).isTrue();
    assertThat(isFresh(held, 49, 49)).isFalse();
  }

  @Test
  void aMachineThatWasSuspendedRenewsIt() {
    assertThat(isFresh(held(Duration.ZERO), 1, 55)).isFalse();
  }

  @Test
  void aClockThatWasSetBackDoesNotKeepIt() {
    assertThat(isFresh(held(Duration.ZERO), 49, -600)).isFalse();
  }

  @Test
  void aClockThatIsWrongDoesNotRenewItAtEachLook() {
    HeldToken held = held(Duration.ofHours(2));
    assertThat(isFresh(held, 0, 120)).isTrue();
    assertThat(isFresh(held, 47, 167)).isTrue();
    assertThat(isFresh(held, 49, 169)).isFalse();
  }
}
