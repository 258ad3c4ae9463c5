// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.attach;

import dev.fairway.linux.TokenBucket;
import dev.fairway.podnet.cni.Capabilities.Bandwidth;
import java.util.Optional;

/// How fast a pod may receive and send.
///
/// @param toPod set on the machine's end of the wire. Whatever carries packets past that end would
///   go past the limit, so the fast path leaves a pod with such a link to the stack
/// @param fromPod set on the pod's end, where what is too much waits in the pod
public record Limits(Optional<TokenBucket> toPod, Optional<TokenBucket> fromPod) {
  public static final Limits NONE = new Limits(Optional.empty(), Optional.empty());

  /// How long a packet may wait, as in the reference plugin.
  private static final long WAIT_MILLIS = 25;

  /// What runtimes write where the pod's annotations name no burst. Taken by its word it would let
  /// half a gigabyte pass before the limit is felt.
  private static final long NO_BURST_BITS = 0xffff_ffffL;

  private static final long SMALLEST_DEFAULT_BURST = 64 << 10;

  public boolean none() {
    return toPod.isEmpty() && fromPod.isEmpty();
  }

  public static Limits of(Bandwidth wanted) {
    return new Limits(
        bucket(wanted.ingressRate(), wanted.ingressBurst()),
        bucket(wanted.egressRate(), wanted.egressBurst()));
  }

  private static Optional<TokenBucket> bucket(long rateBits, long burstBits) {
    if (rateBits == 0) {
      return Optional.empty();
    }
    long rate = Math.max(1, rateBits / 8);
    long burst =
        burstBits == 0 || burstBits >= NO_BURST_BITS
            ? Math.max(SMALLEST_DEFAULT_BURST, rate / 20)
            : Math.max(1, burstBits / 8);
    long bounded = Math.min(burst, Integer.MAX_VALUE / 2);
    long limit = Math.min(rate / 1000 * WAIT_MILLIS + bounded, Integer.MAX_VALUE);
    return Optional.of(new TokenBucket(rate, (int) bounded, (int) limit));
  }
}
