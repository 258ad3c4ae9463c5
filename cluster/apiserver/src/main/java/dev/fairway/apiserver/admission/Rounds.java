// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.admission;

import java.util.HashSet;
import java.util.Set;

/// Which webhooks and policies of one write are to be asked a second time, and no more: those that
/// want to be (`reinvocationPolicy: IfNeeded`) and came before one that changed the object.
final class Rounds {
  private final Set<String> asked = new HashSet<>();
  private final Set<String> due = new HashSet<>();
  private boolean changed;
  private boolean second;

  /// Whether to ask this one now.
  boolean asks(String id) {
    return !second || due.remove(id);
  }

  /// One was asked.
  ///
  /// @param wantsAgain if others change the object after it
  void asked(String id, boolean wantsAgain, boolean changedIt) {
    if (changedIt) {
      changed = true;
      due.addAll(asked);
    }
    if (wantsAgain && !second) {
      asked.add(id);
    }
  }

  /// Whether a second round is needed; it begins with this answer.
  boolean again() {
    second = changed;
    return changed;
  }
}
