// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp;

import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;

/// Messages that wait for the wire. The loop puts, one writer takes; who puts looks at [#hasRoom]
/// first where there is much, so a slow neighbour costs no more than that.
final class Outbox {
  /// More routes are packed once less than this waits.
  private static final int ROOM = 128 * 1024;

  private final ArrayDeque<ByteBuffer> messages = new ArrayDeque<>();
  private int octets;
  private boolean finished;
  private boolean wantsToKnow;
  private @Nullable Runnable roomAgain;

  synchronized void put(ByteBuffer message) {
    if (!finished) {
      messages.add(message);
      octets += message.remaining();
      notifyAll();
    }
  }

  /// Whether more may be put. If not, `roomAgain` is run once there is, on the writer's thread.
  synchronized boolean hasRoom(Runnable whenRoom) {
    if (octets < ROOM) {
      return true;
    }
    wantsToKnow = true;
    roomAgain = whenRoom;
    return false;
  }

  /// Nothing comes any more.
  synchronized void finish() {
    finished = true;
    notifyAll();
  }

  /// Moves as much as fits into the buffer, and waits for the first of it.
  ///
  /// @param nanos how long to wait
  /// @return false if nothing came in time; nothing and true means that it is finished
  boolean take(ByteBuffer into, long nanos) throws InterruptedException {
    Runnable run = null;
    synchronized (this) {
      long end = System.nanoTime() + nanos;
      while (messages.isEmpty() && !finished) {
        long left = (end - System.nanoTime()) / 1_000_000;
        if (left <= 0) {
          return false;
        }
        wait(left);
      }
      while (!messages.isEmpty() && messages.peek().remaining() <= into.remaining()) {
        ByteBuffer message = messages.remove();
        octets -= message.remaining();
        into.put(message);
      }
      if (wantsToKnow && octets < ROOM / 2) {
        wantsToKnow = false;
        run = roomAgain;
      }
    }
    if (run != null) {
      run.run();
    }
    return true;
  }
}
