// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

import dev.fairway.linux.Native.PriorityCalls;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// Who goes first when all processors are busy (setpriority(2)). The JDK's own priorities do
/// nothing on Linux.
public final class ThreadPriority {
  private static final int PRIO_PROCESS = 0;
  private static final int FIRST = -20;

  private ThreadPriority() {}

  /// Lets the calling platform thread go before ordinary ones, for the rest of its life. For
  /// threads that work for microseconds and must not be late.
  ///
  /// @return false if this process may not (it needs CAP_SYS_NICE)
  public static boolean raise() {
    if (Thread.currentThread().isVirtual()) {
      throw new IllegalStateException("a virtual thread has no priority of its own");
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = Native.state(arena);
      int id = (int) PriorityCalls.linked().gettid().invokeExact(state);
      int result =
          (int) PriorityCalls.linked().setpriority().invokeExact(state, PRIO_PROCESS, id, FIRST);
      return result == 0;
    } catch (Throwable t) {
      throw Native.impossible(t);
    }
  }
}
