// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/// What is logged meanwhile.
final class Said implements AutoCloseable {
  private final PrintStream before = System.err;
  private final ByteArrayOutputStream said = new ByteArrayOutputStream();

  Said() {
    System.setErr(new PrintStream(said, true, StandardCharsets.UTF_8));
  }

  String text() {
    return said.toString(StandardCharsets.UTF_8);
  }

  @Override
  public void close() {
    System.setErr(before);
  }
}
