// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.registry;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/// What a client is told beside the answer, each text once. Bounded, as texts come from webhooks
/// and policies, too.
public final class Warnings {
  private static final int MOST = 64;
  private static final int LONGEST = 1024;
  private static final int MOST_CHARACTERS = 4096;

  private final Set<String> texts = new LinkedHashSet<>();
  private int characters;

  public synchronized void add(String text) {
    String kept = text.length() > LONGEST ? text.substring(0, LONGEST) : text;
    if (!kept.isEmpty()
        && texts.size() < MOST
        && characters + kept.length() <= MOST_CHARACTERS
        && texts.add(kept)) {
      characters += kept.length();
    }
  }

  public synchronized void addAll(List<String> more) {
    more.forEach(this::add);
  }

  public synchronized List<String> list() {
    return new ArrayList<>(texts);
  }
}
