// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.streaming;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;

/// The head of an HTTP/1.1 answer, read byte by byte so that nothing behind it is swallowed.
///
/// @param bytes the head as it came, with the empty line
/// @param headers names in lower case; of repeated ones the last
@SuppressWarnings("ArrayRecordComponent") // sent on as they came
public record ResponseHead(int status, Map<String, String> headers, byte[] bytes) {
  private static final int MAX_BYTES = 64 << 10;

  /// Reads up to and with the empty line.
  public static ResponseHead read(InputStream in) throws IOException {
    ByteArrayOutputStream head = new ByteArrayOutputStream(512);
    int matched = 0;
    while (matched < 4) {
      int next = in.read();
      if (next < 0) {
        throw new IOException("the connection ended within the head of the answer");
      }
      head.write(next);
      if (head.size() > MAX_BYTES) {
        throw new IOException("the head of the answer is longer than " + MAX_BYTES + " bytes");
      }
      boolean fits = next == (matched % 2 == 0 ? '\r' : '\n');
      matched = fits ? matched + 1 : next == '\r' ? 1 : 0;
    }
    return parse(head.toByteArray());
  }

  static ResponseHead parse(byte[] bytes) throws IOException {
    String[] lines = new String(bytes, StandardCharsets.ISO_8859_1).split("\r\n");
    String[] first = lines.length == 0 ? new String[0] : lines[0].split(" ", 3);
    if (first.length < 2 || !first[0].startsWith("HTTP/1.") || first[1].length() != 3) {
      throw new IOException("the answer is not HTTP/1.1");
    }
    int status;
    try {
      status = Integer.parseInt(first[1]);
    } catch (NumberFormatException _) {
      throw new IOException("the answer's status is not a number");
    }
    if (status < 100) {
      throw new IOException("the answer's status is not a number from 100 on");
    }
    Map<String, String> headers = new HashMap<>();
    for (String line : Arrays.asList(lines).subList(1, lines.length)) {
      int colon = line.indexOf(':');
      if (colon > 0) {
        headers.put(
            line.substring(0, colon).strip().toLowerCase(Locale.ROOT),
            line.substring(colon + 1).strip());
      }
    }
    return new ResponseHead(status, headers, bytes);
  }
}
