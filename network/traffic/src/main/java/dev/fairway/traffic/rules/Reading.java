// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.rules;

import dev.fairway.reconcile.ObjectKey;
import java.util.Collection;
import java.util.function.Function;

/// What some Services ask for, read by two threads if they are many: an agent that has just started
/// reads all of them in code that runs for the first time.
///
/// @param keys whose, in no order
/// @param rules at the same places
record Reading(ObjectKey[] keys, ServiceRules[] rules) {
  /// So many are worth another thread.
  private static final int MANY = 1000;

  /// @param reader reads one; called by two threads at once
  static Reading of(Collection<ObjectKey> some, Function<ObjectKey, ServiceRules> reader) {
    ObjectKey[] keys = some.toArray(new ObjectKey[0]);
    Reading reading = new Reading(keys, new ServiceRules[keys.length]);
    if (keys.length < MANY) {
      return reading.read(0, keys.length, reader);
    }
    int middle = keys.length / 2;
    Beside<Reading> other =
        Beside.start("services-read", () -> reading.read(middle, keys.length, reader));
    try {
      reading.read(0, middle, reader);
    } finally {
      other.join();
    }
    return reading;
  }

  private Reading read(int from, int to, Function<ObjectKey, ServiceRules> reader) {
    for (int i = from; i < to; i++) {
      rules[i] = reader.apply(keys[i]);
    }
    return this;
  }
}
