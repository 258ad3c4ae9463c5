// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.cni;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/// What the executable sends over the socket, before anybody has judged it. The layout is told in
/// `fairway-cni.c`.
///
/// @param environment the `CNI_*` variables
/// @param stdin the network configuration
public record CniCall(Map<String, String> environment, byte[] stdin) {
  static final int ENVIRONMENT_LIMIT = 64 << 10;
  static final int STDIN_LIMIT = 1 << 20;
  private static final int HEAD_BYTES = 12;
  private static final int MOST_CALLS_BYTES = 8 << 10;
  private static final int MAGIC = 'F' << 24 | 'W' << 16 | 'C' << 8 | '1';

  public CniCall {
    environment = Map.copyOf(environment);
  }

  /// Reads one call.
  ///
  /// @throws IOException if it is none, or too long
  public static CniCall read(ReadableByteChannel from) throws IOException {
    // Most calls are there as a whole with the first read.
    ByteBuffer got = ByteBuffer.allocate(MOST_CALLS_BYTES);
    fill(from, got, HEAD_BYTES);
    int magic = got.getInt(0);
    int environmentLength = got.getInt(4);
    int stdinLength = got.getInt(8);
    if (magic != MAGIC
        || environmentLength < 0
        || environmentLength > ENVIRONMENT_LIMIT
        || stdinLength < 0
        || stdinLength > STDIN_LIMIT) {
      throw new IOException("not a call of the CNI executable");
    }
    int length = HEAD_BYTES + environmentLength + stdinLength;
    if (length > got.capacity()) {
      got = ByteBuffer.allocate(length).put(got.flip());
    }
    fill(from, got, length);
    byte[] all = got.array();
    String block = new String(all, HEAD_BYTES, environmentLength, StandardCharsets.UTF_8);
    Map<String, String> environment = new HashMap<>();
    for (int start = 0; start < block.length(); ) {
      int end = block.indexOf('\0', start);
      if (end < 0) {
        throw new IOException("an environment variable does not end");
      }
      int equals = block.indexOf('=', start);
      if (equals > start && equals < end) {
        environment.put(block.substring(start, equals), block.substring(equals + 1, end));
      }
      start = end + 1;
    }
    int stdinStart = HEAD_BYTES + environmentLength;
    return new CniCall(environment, Arrays.copyOfRange(all, stdinStart, stdinStart + stdinLength));
  }

  /// What [#read] reads.
  public byte[] bytes() {
    StringBuilder block = new StringBuilder();
    environment.forEach((name, value) -> block.append(name).append('=').append(value).append('\0'));
    byte[] text = block.toString().getBytes(StandardCharsets.UTF_8);
    return ByteBuffer.allocate(12 + text.length + stdin.length)
        .putInt(MAGIC)
        .putInt(text.length)
        .putInt(stdin.length)
        .put(text)
        .put(stdin)
        .array();
  }

  static void answer(WritableByteChannel to, int exitCode, String stdout) throws IOException {
    byte[] body = stdout.getBytes(StandardCharsets.UTF_8);
    ByteBuffer buffer = ByteBuffer.allocate(12 + body.length);
    buffer.putInt(MAGIC).putInt(exitCode).putInt(body.length).put(body).flip();
    while (buffer.hasRemaining()) {
      to.write(buffer);
    }
  }

  private static void fill(ReadableByteChannel from, ByteBuffer got, int length)
      throws IOException {
    while (got.position() < length) {
      if (from.read(got) < 0) {
        throw new EOFException("the call ends in the middle");
      }
    }
  }
}
