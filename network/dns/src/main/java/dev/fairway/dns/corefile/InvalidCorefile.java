// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns.corefile;

/// A Corefile that says what is not understood; the message begins with `file:line:`.
public final class InvalidCorefile extends IllegalArgumentException {
  private static final long serialVersionUID = 1;

  InvalidCorefile(String file, int line, String what) {
    super(file + ":" + line + ": " + what);
  }
}
