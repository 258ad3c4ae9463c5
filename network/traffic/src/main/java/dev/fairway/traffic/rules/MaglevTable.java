// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.rules;

import dev.fairway.net.TransportAddress;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// Which endpoint stands at each place of a table that a connection's hash chooses from, as in
/// "Maglev: A Fast and Reliable Software Network Load Balancer" (NSDI 2016), section 3.4: every
/// node makes the same table of the same endpoints, each has as many places as the others but for
/// one, and nearly all places stay as they are when an endpoint comes or goes. Pure.
final class MaglevTable {
  /// How many places there are: a prime number, so that each endpoint's steps lead everywhere. With
  /// more endpoints than that some would never be chosen.
  static final int PLACES = 1021;

  private MaglevTable() {}

  /// The table.
  ///
  /// @param endpoints in an order that is the same everywhere; if there are none or one, or more
  ///   than places, they are the table themselves
  static List<TransportAddress> of(List<TransportAddress> endpoints) {
    int count = endpoints.size();
    if (count < 2 || count > PLACES) {
      return endpoints;
    }
    int[] at = new int[count];
    int[] step = new int[count];
    for (int i = 0; i < count; i++) {
      long hash = hash(endpoints.get(i));
      at[i] = (int) Long.remainderUnsigned(hash, PLACES);
      step[i] = 1 + (int) Long.remainderUnsigned(mix(hash), PLACES - 1);
    }
    @Nullable TransportAddress[] table = new TransportAddress[PLACES];
    int filled = 0;
    while (true) {
      for (int i = 0; i < count; i++) {
        while (table[at[i]] != null) {
          at[i] = (at[i] + step[i]) % PLACES;
        }
        table[at[i]] = endpoints.get(i);
        filled++;
        if (filled == PLACES) {
          return Arrays.stream(table).map(Objects::requireNonNull).toList();
        }
      }
    }
  }

  private static long hash(TransportAddress endpoint) {
    return mix(mix(mix(endpoint.address().high()) ^ endpoint.address().low()) ^ endpoint.port());
  }

  /// The last steps of MurmurHash3, which spread every bit over all others.
  private static long mix(long value) {
    long mixed = (value ^ value >>> 33) * 0xff51_afd7_ed55_8ccdL;
    mixed = (mixed ^ mixed >>> 33) * 0xc4ce_b9fe_1a85_ec53L;
    return mixed ^ mixed >>> 33;
  }
}
