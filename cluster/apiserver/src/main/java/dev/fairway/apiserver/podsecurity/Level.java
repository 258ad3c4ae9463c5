// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.podsecurity;

import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// How much a pod may do, the widest first.
public enum Level {
  PRIVILEGED,
  BASELINE,
  RESTRICTED;

  /// Null if there is no level of that name.
  static @Nullable Level parse(String name) {
    for (Level level : values()) {
      if (level.toString().equals(name)) {
        return level;
      }
    }
    return null;
  }

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
