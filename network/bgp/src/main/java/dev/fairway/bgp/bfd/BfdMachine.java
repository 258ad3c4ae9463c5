// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp.bfd;

import java.util.Optional;
import java.util.random.RandomGenerator;

/// One session in asynchronous mode (RFC 5880 6.8): packets and the time in, packets and a state
/// out. It knows no clock, socket or thread.
///
/// ```
///          peer DOWN                  peer INIT, UP
///   DOWN ------------> INIT ------------------------> UP
///    |  \---- peer INIT ------------------------------^ |
///    ^                  |                               |
///    +-- silence -------+------ silence, peer DOWN -----+
/// ```
///
/// All times are of one clock that only goes forward, in nanoseconds.
final class BfdMachine {
  /// While not up nobody sends more often than this (RFC 5880 6.8.3).
  private static final long SLOW_MICROS = 1_000_000;

  private static final long NEVER = Long.MAX_VALUE;

  private final int mine;
  private final RandomGenerator random;
  private BfdTimes times;
  private BfdState state = BfdState.DOWN;
  private BfdDiagnostic diagnostic = BfdDiagnostic.NONE;
  private BfdState remoteState = BfdState.DOWN;
  private int yours;
  private long remoteDesiredTxMicros;
  private long remoteRequiredRxMicros = 1;
  private int remoteMultiplier;
  private boolean remoteDemand;
  private boolean polling;
  private boolean answering;
  private long desiredTxMicros = SLOW_MICROS;

  /// What packets are sent by until the peer has confirmed longer intervals.
  private long sendingTxMicros = SLOW_MICROS;

  /// What silence is measured by until the peer has confirmed shorter intervals.
  private long detectingRxMicros;

  private long sendAt;
  private long deadAt = NEVER;
  private long lastSent;

  /// A session that begins now.
  ///
  /// @param mine its discriminator, unique here and not 0
  BfdMachine(int mine, BfdTimes times, RandomGenerator random, long now) {
    this.mine = mine;
    this.random = random;
    this.times = times;
    this.detectingRxMicros = BfdTimes.micros(times.receive());
    // Many sessions begin at once, for example at a start.
    this.sendAt = now + random.nextLong(100_000_000);
    this.lastSent = now;
  }

  BfdState state() {
    return state;
  }

  BfdState remoteState() {
    return remoteState;
  }

  BfdDiagnostic diagnostic() {
    return diagnostic;
  }

  int mine() {
    return mine;
  }

  /// How long a silence means death, in microseconds; 0 if not known yet.
  long detectionMicros() {
    return remoteMultiplier * Math.max(detectingRxMicros, remoteDesiredTxMicros);
  }

  /// How often packets are sent, in microseconds; 0 if the peer wants none.
  long intervalMicros() {
    if (remoteRequiredRxMicros == 0 || silencedByDemand()) {
      return 0;
    }
    return Math.max(sendingTxMicros, remoteRequiredRxMicros);
  }

  private boolean silencedByDemand() {
    return remoteDemand && state == BfdState.UP && remoteState == BfdState.UP && !polling;
  }

  /// When [#due] is to be called next.
  long wakeAt() {
    return Math.min(answering ? lastSent : sendAt, deadAt);
  }

  /// Changes the times of a running session; the peer is asked to confirm them.
  void times(BfdTimes wanted, long now) {
    if (wanted.equals(times)) {
      return;
    }
    times = wanted;
    long receive = BfdTimes.micros(wanted.receive());
    if (state != BfdState.UP || receive > detectingRxMicros) {
      detectingRxMicros = receive;
    }
    adoptTransmit();
    polling |= state == BfdState.UP;
    reschedule(now);
  }

  private void adoptTransmit() {
    desiredTxMicros =
        state == BfdState.UP
            ? BfdTimes.micros(times.transmit())
            : Math.max(SLOW_MICROS, BfdTimes.micros(times.transmit()));
    if (state != BfdState.UP || desiredTxMicros < sendingTxMicros) {
      sendingTxMicros = desiredTxMicros;
    }
  }

  /// A packet of the peer that passed [BfdPacket#read] and was found to be for this session.
  void received(BfdPacket packet, long now) {
    yours = packet.mine();
    remoteState = packet.state();
    remoteDemand = packet.demand();
    long intervalBefore = intervalMicros();
    remoteRequiredRxMicros = packet.requiredRxMicros();
    remoteDesiredTxMicros = packet.desiredTxMicros();
    remoteMultiplier = packet.multiplier();
    if (packet.last() && polling) {
      polling = false;
      sendingTxMicros = desiredTxMicros;
      detectingRxMicros = BfdTimes.micros(times.receive());
    }
    if (state != BfdState.ADMIN_DOWN) {
      follow(packet.state());
      deadAt = now + detectionMicros() * 1000;
      answering |= packet.poll();
    }
    if (intervalMicros() != intervalBefore) {
      reschedule(now);
    }
  }

  private void follow(BfdState remote) {
    switch (remote) {
      case ADMIN_DOWN -> {
        if (state != BfdState.DOWN) {
          down(BfdDiagnostic.NEIGHBOR_SIGNALED_DOWN);
        }
      }
      case DOWN -> {
        if (state == BfdState.DOWN) {
          state = BfdState.INIT;
        } else if (state == BfdState.UP) {
          down(BfdDiagnostic.NEIGHBOR_SIGNALED_DOWN);
        }
      }
      case INIT -> {
        if (state != BfdState.UP) {
          up();
        }
      }
      case UP -> {
        if (state == BfdState.INIT) {
          up();
        }
      }
    }
  }

  private void up() {
    state = BfdState.UP;
    diagnostic = BfdDiagnostic.NONE;
    adoptTransmit();
    polling = true;
  }

  private void down(BfdDiagnostic why) {
    state = BfdState.DOWN;
    diagnostic = why;
    polling = false;
    adoptTransmit();
    detectingRxMicros = BfdTimes.micros(times.receive());
  }

  /// Ends the session on purpose. The peer is told by what [#due] gives from now on.
  void adminDown(long now) {
    state = BfdState.ADMIN_DOWN;
    diagnostic = BfdDiagnostic.ADMINISTRATIVELY_DOWN;
    polling = false;
    deadAt = NEVER;
    sendAt = now;
  }

  /// What is to be done at this time: notes a silence that lasted too long, and gives the packet
  /// that is due.
  Optional<BfdPacket> due(long now) {
    if (deadAt - now <= 0 && deadAt != NEVER) {
      deadAt = NEVER;
      yours = 0;
      if (state == BfdState.INIT || state == BfdState.UP) {
        remoteState = BfdState.DOWN;
        remoteRequiredRxMicros = 1;
        down(BfdDiagnostic.DETECTION_TIME_EXPIRED);
        sendAt = now; // should it live, it hears at once that we do not hear it
      }
    }
    if (answering) {
      answering = false;
      lastSent = now;
      return Optional.of(packet(true));
    }
    long interval = intervalMicros();
    if (interval == 0 || sendAt - now > 0) {
      return Optional.empty();
    }
    lastSent = now;
    reschedule(now);
    return Optional.of(packet(false));
  }

  /// The next packet goes after 75 to 100 percent of the interval (RFC 5880 6.8.7).
  private void reschedule(long now) {
    long nanos = intervalMicros() * 1000;
    if (nanos == 0) {
      sendAt = NEVER;
      return;
    }
    long jittered = nanos - random.nextLong(nanos / 4 + 1);
    sendAt = Math.max(now, lastSent + jittered);
  }

  private BfdPacket packet(boolean last) {
    return new BfdPacket(
        diagnostic,
        state,
        polling && !last,
        last,
        false,
        false,
        times.multiplier(),
        mine,
        yours,
        desiredTxMicros,
        BfdTimes.micros(times.receive()),
        0);
  }
}
