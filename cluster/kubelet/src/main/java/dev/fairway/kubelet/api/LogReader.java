// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet.api;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import java.util.function.BooleanSupplier;

/// Reads a container's log and, if asked to follow, goes on as it grows, over rotations, until the
/// container has ended or nobody listens any more.
final class LogReader {
  private static final int CHUNK = 32 * 1024;

  // A line longer than this is the runtime's fault (it cuts at 16 KiB) and is skipped in pieces.
  private static final int MAX_LINE = 256 * 1024;
  private static final Duration POLL = Duration.ofMillis(50);

  /// Where the text goes. Calls block until it was taken.
  interface Sink {
    void accept(byte[] text) throws IOException;

    boolean open();
  }

  private final NodePods.Log log;
  private final LogRequest request;
  private final Sink sink;
  private final ByteArrayOutputStream line = new ByteArrayOutputStream();
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private long left;

  LogReader(NodePods.Log log, LogRequest request, Sink sink) {
    this.log = log;
    this.request = request;
    this.sink = sink;
    this.left = request.limitBytes().orElse(Long.MAX_VALUE);
  }

  void run() throws IOException, InterruptedException {
    Path file = log.file();
    boolean first = true;
    boolean more = true;
    while (more) {
      try (FileChannel channel = FileChannel.open(file)) {
        if (first && request.tailLines().isPresent()) {
          channel.position(tail(channel, request.tailLines().getAsLong()));
        }
        first = false;
        Object key = key(file);
        more = read(channel, () -> !key.equals(key(file)));
      } catch (NoSuchFileException e) {
        // Between two files of a rotation, or not begun.
        more = request.follow() && !log.ended() && sink.open();
        if (more) {
          Thread.sleep(POLL);
        }
      }
    }
  }

  /// @return true if the file was rotated away and its successor is to be read
  private boolean read(FileChannel channel, BooleanSupplier rotated)
      throws IOException, InterruptedException {
    ByteBuffer buffer = ByteBuffer.allocate(CHUNK);
    while (left > 0 && sink.open()) {
      // Asked before reading: what is written before the end must still be read after it.
      boolean last = !request.follow() || log.ended();
      boolean moved = request.follow() && rotated.getAsBoolean();
      buffer.clear();
      int count = channel.read(buffer);
      if (count > 0) {
        take(buffer.array(), count);
        flush();
        continue;
      }
      if (moved) {
        return true;
      }
      if (last) {
        return false;
      }
      Thread.sleep(POLL);
    }
    return false;
  }

  private void take(byte[] bytes, int count) {
    int from = 0;
    for (int i = 0; i < count && left > 0; i++) {
      if (bytes[i] == '\n') {
        line.write(bytes, from, i - from);
        from = i + 1;
        byte[] whole = line.toByteArray();
        line.reset();
        LogLine.parse(whole, whole.length).ifPresent(this::emit);
      }
    }
    line.write(bytes, from, count - from);
    if (line.size() > MAX_LINE) {
      line.reset();
    }
  }

  private void emit(LogLine parsed) {
    if (parsed.before(request.since())) {
      return;
    }
    byte[] text = request.timestamps() ? parsed.withTime() : parsed.text();
    int length = (int) Math.min(left, text.length);
    out.write(text, 0, length);
    left -= length;
  }

  private void flush() throws IOException {
    if (out.size() > 0) {
      sink.accept(out.toByteArray());
      out.reset();
    }
  }

  /// Where the last lines begin, found from the end.
  private static long tail(FileChannel channel, long lines) throws IOException {
    long end = channel.size();
    if (lines == 0) {
      return end;
    }
    ByteBuffer block = ByteBuffer.allocate(CHUNK);
    long seen = 0;
    long blockEnd = end;
    while (blockEnd > 0) {
      long blockStart = Math.max(0, blockEnd - CHUNK);
      block.clear().limit((int) (blockEnd - blockStart));
      int count = channel.read(block, blockStart);
      for (int i = count - 1; i >= 0; i--) {
        // The newline at the very end closes the last line; it does not begin another.
        if (block.get(i) == '\n' && blockStart + i + 1 < end) {
          seen++;
          if (seen == lines) {
            return blockStart + i + 1;
          }
        }
      }
      blockEnd = blockStart;
    }
    return 0;
  }

  private static Object key(Path file) {
    try {
      Object key = Files.readAttributes(file, BasicFileAttributes.class).fileKey();
      return key == null ? file : key;
    } catch (IOException e) {
      return file;
    }
  }
}
