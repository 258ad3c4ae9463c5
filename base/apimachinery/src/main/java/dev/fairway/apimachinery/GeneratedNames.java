// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery;

import java.util.concurrent.ThreadLocalRandom;

/// Names for objects that came with `metadata.generateName`.
public final class GeneratedNames {
  /// No vowels and no digits that look like letters, so that no words appear.
  private static final String LETTERS = "bcdfghjklmnpqrstvwxz2456789";

  private static final int SUFFIX = 5;
  private static final int LONGEST = 63;

  private GeneratedNames() {}

  /// The given beginning, cut to fit a DNS label, and five random characters.
  public static String from(String generateName) {
    int keep = Math.min(generateName.length(), LONGEST - SUFFIX);
    StringBuilder name = new StringBuilder(generateName.substring(0, keep));
    ThreadLocalRandom random = ThreadLocalRandom.current();
    for (int i = 0; i < SUFFIX; i++) {
      name.append(LETTERS.charAt(random.nextInt(LETTERS.length())));
    }
    return name.toString();
  }
}
