// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp.bfd;

import java.nio.ByteBuffer;
import java.util.Optional;

/// A control packet without authentication (RFC 5880 4.1). Intervals are in microseconds, as
/// unsigned words on the wire.
///
/// @param diagnostic why the sender last went down
/// @param state of the sender
/// @param poll whether it wants an answer at once
/// @param last whether it is such an answer, the F bit
/// @param controlPlaneIndependent whether the sender's BFD outlives its routing process
/// @param demand whether the sender wants no packets while up
/// @param multiplier intervals of silence that mean death
/// @param mine discriminator of the sender, not 0
/// @param yours discriminator that the sender has from the receiver, 0 if none yet
/// @param desiredTxMicros how often the sender would like to send
/// @param requiredRxMicros how often the sender can receive, 0 for never
/// @param requiredEchoRxMicros the same for echo packets, 0 for no echo
record BfdPacket(
    BfdDiagnostic diagnostic,
    BfdState state,
    boolean poll,
    boolean last,
    boolean controlPlaneIndependent,
    boolean demand,
    int multiplier,
    int mine,
    int yours,
    long desiredTxMicros,
    long requiredRxMicros,
    long requiredEchoRxMicros) {
  static final int BYTES = 24;
  private static final int VERSION = 1;
  private static final int POLL = 0x20;
  private static final int FINAL = 0x10;
  private static final int INDEPENDENT = 0x08;
  private static final int AUTHENTICATED = 0x04;
  private static final int DEMAND = 0x02;
  private static final int MULTIPOINT = 0x01;

  /// Reads a packet; empty if it must be discarded by the first checks of RFC 5880 6.8.6.
  static Optional<BfdPacket> read(byte[] bytes) {
    if (bytes.length < BYTES) {
      return Optional.empty();
    }
    ByteBuffer in = ByteBuffer.wrap(bytes);
    int first = in.get() & 255;
    int second = in.get() & 255;
    int multiplier = in.get() & 255;
    int length = in.get() & 255;
    int mine = in.getInt();
    int yours = in.getInt();
    BfdState state = BfdState.ofNumber(second >>> 6);
    boolean beginning = state == BfdState.DOWN || state == BfdState.ADMIN_DOWN;
    if (first >>> 5 != VERSION
        || length < BYTES
        || length > bytes.length
        || multiplier == 0
        || (second & (AUTHENTICATED | MULTIPOINT)) != 0
        || mine == 0
        || (yours == 0 && !beginning)) {
      return Optional.empty();
    }
    return Optional.of(
        new BfdPacket(
            BfdDiagnostic.ofNumber(first & 31),
            state,
            (second & POLL) != 0,
            (second & FINAL) != 0,
            (second & INDEPENDENT) != 0,
            (second & DEMAND) != 0,
            multiplier,
            mine,
            yours,
            in.getInt() & 0xffff_ffffL,
            in.getInt() & 0xffff_ffffL,
            in.getInt() & 0xffff_ffffL));
  }

  byte[] bytes() {
    ByteBuffer out = ByteBuffer.allocate(BYTES);
    out.put((byte) (VERSION << 5 | diagnostic.number()));
    out.put(
        (byte)
            (state.number() << 6
                | (poll ? POLL : 0)
                | (last ? FINAL : 0)
                | (controlPlaneIndependent ? INDEPENDENT : 0)
                | (demand ? DEMAND : 0)));
    out.put((byte) multiplier);
    out.put((byte) BYTES);
    out.putInt(mine);
    out.putInt(yours);
    out.putInt((int) desiredTxMicros);
    out.putInt((int) requiredRxMicros);
    out.putInt((int) requiredEchoRxMicros);
    return out.array();
  }
}
