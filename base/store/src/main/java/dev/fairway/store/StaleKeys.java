// SPDX-License-Identifier: Apache-2.0
package dev.fairway.store;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/// The keys whose values lie in storage in an older form than they would be written in now.
final class StaleKeys {
  private final Set<String> keys = ConcurrentHashMap.newKeySet();

  void note(String key, boolean stale) {
    if (stale) {
      keys.add(key);
    } else {
      keys.remove(key);
    }
  }

  void forget(String key) {
    keys.remove(key);
  }

  boolean contains(String key) {
    return keys.contains(key);
  }
}
