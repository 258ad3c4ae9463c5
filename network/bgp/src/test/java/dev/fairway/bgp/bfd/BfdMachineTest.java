// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp.bfd;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/// Two machines and a wire between them, in a time of their own.
class BfdMachineTest {
  private static final long MILLI = 1_000_000;
  private final Random random = new Random(5880);
  private final BfdMachine a = new BfdMachine(11, BfdTimes.DEFAULT, random, 0);
  private final BfdMachine b = new BfdMachine(22, BfdTimes.DEFAULT, random, 0);
  private final List<Long> sentByA = new ArrayList<>();
  private boolean toA = true;
  private boolean toB = true;
  private long now;

  private void run(long millis) {
    long end = now + millis * MILLI;
    while (true) {
      long next = Math.min(a.wakeAt(), b.wakeAt());
      if (next > end) {
        now = end;
        return;
      }
      now = Math.max(now, next);
      a.due(now)
          .ifPresent(packet -> {
            sentByA.add(now);
            if (toB) {
              b.received(BfdPacket.read(packet.bytes()).orElseThrow(), now);
            }
          });
      b.due(now)
          .filter(packet -> toA)
          .ifPresent(packet -> a.received(BfdPacket.read(packet.bytes()).orElseThrow(), now));
    }
  }

  private void up() {
    run(5000);
    assertThat(a.state()).isEqualTo(BfdState.UP);
    assertThat(b.state()).isEqualTo(BfdState.UP);
  }

  @Test
  void comesUpSlowlyAndThenSpeaksOften() {
    assertThat(a.intervalMicros()).isEqualTo(1_000_000);
    up();
    assertThat(a.intervalMicros()).isEqualTo(50_000);
    assertThat(a.detectionMicros()).isEqualTo(250_000);
    sentByA.clear();
    run(10_000);
    assertThat(sentByA).hasSizeBetween(200, 270);
    for (int i = 1; i < sentByA.size(); i++) {
      assertThat(sentByA.get(i) - sentByA.get(i - 1)).isBetween(37 * MILLI, 51 * MILLI);
    }
  }

  @Test
  void silenceIsDeath() {
    up();
    toA = false;
    run(199); // the last packet may be an interval old
    assertThat(a.state()).isEqualTo(BfdState.UP);
    run(52);
    assertThat(a.state()).isEqualTo(BfdState.DOWN);
    assertThat(a.diagnostic()).isEqualTo(BfdDiagnostic.DETECTION_TIME_EXPIRED);
    run(60);
    assertThat(b.state()).isEqualTo(BfdState.DOWN);
    assertThat(b.diagnostic()).isEqualTo(BfdDiagnostic.NEIGHBOR_SIGNALED_DOWN);
    toA = true;
    up();
  }

  @Test
  void someLostPacketsAreNot() {
    up();
    for (int i = 0; i < 10; i++) {
      toA = false;
      run(145);
      toA = true;
      run(100);
      assertThat(a.state()).isEqualTo(BfdState.UP);
    }
  }

  @Test
  void aPeerThatStopsOnPurposeIsNotDead() {
    up();
    b.adminDown(now);
    run(60);
    assertThat(a.state()).isEqualTo(BfdState.DOWN);
    assertThat(a.remoteState()).isEqualTo(BfdState.ADMIN_DOWN);
    assertThat(status(a).dead()).isFalse();
    run(5000);
    assertThat(a.state()).isEqualTo(BfdState.DOWN);
  }

  private static BfdStatus status(BfdMachine machine) {
    return new BfdStatus(
        Wire.LEFT,
        machine.state(),
        machine.remoteState(),
        machine.diagnostic(),
        Duration.ZERO,
        Duration.ZERO,
        0);
  }

  @Test
  void timesChangeWithoutAFlap() {
    up();
    BfdTimes slow = new BfdTimes(Duration.ofMillis(300), Duration.ofMillis(400), 3);
    a.times(slow, now);
    run(1000);
    assertThat(a.intervalMicros()).isEqualTo(300_000);
    assertThat(b.intervalMicros()).isEqualTo(400_000);
    assertThat(b.detectionMicros()).isEqualTo(900_000);
    assertThat(a.detectionMicros()).isEqualTo(2_000_000);
    a.times(BfdTimes.DEFAULT, now);
    run(2000);
    assertThat(a.state()).isEqualTo(BfdState.UP);
    assertThat(b.intervalMicros()).isEqualTo(50_000);
    assertThat(a.detectionMicros()).isEqualTo(250_000);
  }

  /// Whatever comes, a machine neither throws nor stops nor speaks too often.
  @Test
  void anyPacketsInAnyOrder() {
    for (int round = 0; round < 300; round++) {
      BfdMachine machine = new BfdMachine(1, BfdTimes.DEFAULT, random, 0);
      long time = 0;
      int sent = 0;
      int heard = 0;
      while (time < 20_000 * MILLI) {
        if (random.nextInt(3) == 0) {
          byte[] bytes = new byte[BfdPacket.BYTES];
          random.nextBytes(bytes);
          bytes[0] = (byte) (1 << 5 | (bytes[0] & 31));
          bytes[1] &= (byte) 0xfa;
          bytes[3] = (byte) BfdPacket.BYTES;
          heard += BfdPacket.read(bytes).isPresent() ? 1 : 0;
          long at = time;
          BfdPacket.read(bytes).ifPresent(packet -> machine.received(packet, at));
        }
        time += random.nextLong(200 * MILLI);
        sent += machine.due(time).isPresent() ? 1 : 0;
        assertThat(machine.wakeAt()).isPositive();
      }
      assertThat(sent).isLessThanOrEqualTo(20_000 / 37 + heard);
    }
  }
}
