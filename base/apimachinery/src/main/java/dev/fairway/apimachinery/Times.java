// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery;

import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.time.temporal.ChronoUnit;

/// Times and durations as the API writes them.
public final class Times {
  private Times() {}

  /// Such as `2026-01-02T03:04:05Z`: whole seconds.
  public static String rfc3339(Instant time) {
    return time.truncatedTo(ChronoUnit.SECONDS).toString();
  }

  /// Such as `2026-01-02T03:04:05.000006Z`: always six digits.
  public static String rfc3339Micro(Instant time) {
    int micros = (int) time.truncatedTo(ChronoUnit.SECONDS).until(time, ChronoUnit.MICROS);
    String text = Integer.toString(1_000_000 + micros);
    String seconds = rfc3339(time);
    return seconds.substring(0, seconds.length() - 1) + "." + text.substring(1) + "Z";
  }

  /// Parses RFC 3339 with any offset. Throws [IllegalArgumentException] on anything else.
  public static Instant parse(String text) {
    try {
      if (text.length() <= 40 && text.indexOf('T') == 10) {
        return OffsetDateTime.parse(text).withOffsetSameInstant(ZoneOffset.UTC).toInstant();
      }
    } catch (DateTimeException e) {
      // Falls through to the one message.
    }
    throw new IllegalArgumentException(
        "\"" + text + "\" is not a time as in RFC 3339, such as 2026-01-02T03:04:05Z");
  }

  /// The short form kubectl shows: `45s`, `2m10s`, `3h5m`, `2d4h`, `8d`, `2y35d`.
  public static String humanDuration(Duration duration) {
    long seconds = duration.toSeconds();
    if (seconds < -1) {
      return "<invalid>";
    }
    if (seconds < 0) {
      return "0s";
    }
    if (seconds < 120) {
      return seconds + "s";
    }
    long minutes = seconds / 60;
    if (minutes < 10) {
      return two(minutes, "m", seconds % 60, "s");
    }
    if (minutes < 180) {
      return minutes + "m";
    }
    long hours = minutes / 60;
    if (hours < 8) {
      return two(hours, "h", minutes % 60, "m");
    }
    if (hours < 48) {
      return hours + "h";
    }
    long days = hours / 24;
    if (days < 8) {
      return two(days, "d", hours % 24, "h");
    }
    if (days < 730) {
      return days + "d";
    }
    long years = days / 365;
    return years < 8 ? two(years, "y", days % 365, "d") : years + "y";
  }

  private static String two(long large, String largeUnit, long small, String smallUnit) {
    return small == 0 ? large + largeUnit : large + largeUnit + small + smallUnit;
  }
}
