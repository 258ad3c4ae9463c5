// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet.api;

import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.Arrays;
import java.util.Optional;

/// One line of a log in the CRI form: `TIME stdout|stderr P|F TEXT`. A line tagged `P` (partial)
/// goes on with the next.
///
/// @param time as written, RFC 3339 with nanoseconds
/// @param text with its newline, unless the line is partial
record LogLine(String time, byte[] text) {
  private static final int MAX_TIME = 64;

  /// Empty if the line does not have the form, such as one cut off by a crash.
  static Optional<LogLine> parse(byte[] line, int length) {
    int timeEnd = space(line, 0, Math.min(length, MAX_TIME));
    int streamEnd = timeEnd < 0 ? -1 : space(line, timeEnd + 1, length);
    int tagEnd = streamEnd < 0 ? -1 : space(line, streamEnd + 1, length);
    if (tagEnd < 0) {
      return Optional.empty();
    }
    boolean partial = line[streamEnd + 1] == 'P';
    int textLength = length - tagEnd - 1;
    byte[] text = Arrays.copyOfRange(line, tagEnd + 1, tagEnd + 1 + textLength + (partial ? 0 : 1));
    if (!partial) {
      text[textLength] = '\n';
    }
    return Optional.of(new LogLine(new String(line, 0, timeEnd, StandardCharsets.US_ASCII), text));
  }

  boolean before(Instant since) {
    if (since.equals(Instant.MIN)) {
      return false;
    }
    try {
      return Instant.parse(time).isBefore(since);
    } catch (DateTimeException e) {
      return false;
    }
  }

  byte[] withTime() {
    byte[] head = (time + " ").getBytes(StandardCharsets.US_ASCII);
    byte[] all = Arrays.copyOf(head, head.length + text.length);
    System.arraycopy(text, 0, all, head.length, text.length);
    return all;
  }

  private static int space(byte[] line, int from, int to) {
    for (int i = from; i < to; i++) {
      if (line[i] == ' ') {
        return i;
      }
    }
    return -1;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof LogLine line
        && time.equals(line.time)
        && Arrays.equals(text, line.text);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(text);
  }
}
