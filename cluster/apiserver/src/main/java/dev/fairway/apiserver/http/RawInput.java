// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.http;

import io.netty.buffer.ByteBuf;
import java.io.IOException;
import java.io.OutputStream;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;

/// The bytes of a connection that left HTTP, waiting for the thread that carries them on.
///
/// Bounded: when [#full] the event loop stops reading until [#drainTo] has caught up.
public final class RawInput {
  private static final int CHUNKS = 64;
  private static final byte[] END = {};

  // One place more than the event loop ever fills, so the end mark always fits.
  private final BlockingQueue<byte[]> chunks = new ArrayBlockingQueue<>(CHUNKS * 4);
  private volatile Runnable resume = () -> {};
  private volatile boolean ended;
  private volatile long taken;

  void onRoom(Runnable resume) {
    this.resume = resume;
  }

  boolean full() {
    return chunks.size() >= CHUNKS;
  }

  /// Grows as the thread that carries the bytes on gets along.
  long taken() {
    return taken;
  }

  void add(ByteBuf bytes) {
    byte[] copy = new byte[bytes.readableBytes()];
    bytes.readBytes(copy);
    if (copy.length > 0 && !chunks.offer(copy)) {
      end();
    }
  }

  void end() {
    ended = true;
    chunks.offer(END);
  }

  /// Copies everything the client sends to `out`, until it closes.
  public void drainTo(OutputStream out) throws IOException, InterruptedException {
    long count = 0;
    while (true) {
      byte[] chunk = ended && chunks.isEmpty() ? END : chunks.take();
      if (chunk.length == 0) {
        return;
      }
      out.write(chunk);
      taken = count += chunk.length;
      byte[] more = chunks.peek();
      if (more == null) {
        out.flush();
      }
      if (chunks.size() == CHUNKS / 2) {
        resume.run();
      }
    }
  }
}
