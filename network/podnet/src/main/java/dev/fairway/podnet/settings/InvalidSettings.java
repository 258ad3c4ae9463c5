// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.settings;

/// Settings that cannot be used. The message names the field and says what to do.
public final class InvalidSettings extends IllegalArgumentException {
  private static final long serialVersionUID = 1;

  public InvalidSettings(String field, String whatToDo) {
    super(field + " " + whatToDo);
  }

  InvalidSettings(String message, Throwable cause) {
    super(message, cause);
  }

  static void unless(boolean good, String field, String whatToDo) {
    if (!good) {
      throw new InvalidSettings(field, whatToDo);
    }
  }
}
