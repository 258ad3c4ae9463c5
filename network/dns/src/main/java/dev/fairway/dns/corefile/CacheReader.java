// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns.corefile;

import dev.fairway.dns.Caching;
import java.time.Duration;
import java.util.List;

/// `cache 30 { … }`
final class CacheReader {
  private static final int MOST_ANSWERS = 10_000_000;

  private CacheReader() {}

  /// @param disabled gets the lines that name zones not to be cached
  static Caching read(Statement directive, List<Statement> disabled) {
    int answers = 10_000;
    int positive = 3600;
    int negative = 1800;
    int prefetch = 0;
    Duration stale = Duration.ZERO;
    boolean first = false;
    if (!directive.arguments().isEmpty()) {
      positive = Values.number(directive, directive.only(), 1, Integer.MAX_VALUE);
      negative = positive;
    }
    for (Statement option : directive.body()) {
      List<String> words = option.arguments();
      switch (option.name()) {
        case "success", "denial" -> {
          sized(option, 1, 2);
          answers = Math.max(answers, Values.number(option, words.getFirst(), 1, MOST_ANSWERS));
          if (words.size() > 1) {
            int seconds = Values.number(option, words.get(1), 0, Integer.MAX_VALUE);
            positive = option.name().equals("success") ? seconds : positive;
            negative = option.name().equals("denial") ? seconds : negative;
          }
        }
        case "prefetch" -> {
          sized(option, 1, 1);
          prefetch = Values.number(option, words.getFirst(), 1, Integer.MAX_VALUE);
        }
        case "serve_stale" -> {
          sized(option, 0, 2);
          stale = words.isEmpty() ? Duration.ofHours(1) : Values.duration(option, words.getFirst());
          first = words.size() < 2 || words.get(1).equals("immediate");
          if (!first && !words.get(1).equals("verify")) {
            throw option.wrong("serve_stale is immediate or verify");
          }
        }
        case "disable" -> disabled.add(option);
        default -> throw option.wrong("'" + option.name() + "' is not understood in cache");
      }
    }
    return new Caching(
        answers,
        Duration.ofSeconds(positive),
        Duration.ofSeconds(negative),
        prefetch,
        stale,
        first);
  }

  private static void sized(Statement option, int least, int most) {
    int size = option.arguments().size();
    if (size < least || size > most) {
      throw option.wrong(
          "'" + option.name() + "' with " + size + " words after it is not understood");
    }
  }
}
