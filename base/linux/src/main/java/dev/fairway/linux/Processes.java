// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

import dev.fairway.linux.Native.ProcessCalls;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// Signals to processes that this JVM did not start itself, by kill(2).
///
/// A process number is used again some time after its process has ended; compare the start time of
/// `/proc/PID/stat` where the number comes from a file.
public final class Processes {
  private Processes() {}

  /// The signals in use here (signal(7)).
  public enum Signal {
    HANG_UP(1),
    INTERRUPT(2),
    QUIT(3),
    KILL(9),
    USER_1(10),
    USER_2(12),
    TERMINATE(15),
    CONTINUE(18),
    STOP(19);

    private final int number;

    Signal(int number) {
      this.number = number;
    }

    /// The number that kill(1) takes.
    public int number() {
      return number;
    }
  }

  /// Signals one process.
  ///
  /// @return whether there was such a process
  public static boolean signal(long pid, Signal signal) {
    return kill(pid, signal.number);
  }

  /// Whether there is such a process, a dead one that nobody has waited for included.
  public static boolean exists(long pid) {
    return kill(pid, 0);
  }

  private static boolean kill(long pid, int signal) {
    if (pid <= 1 || pid > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "process " + pid + " cannot be signalled: neither init nor groups of processes can");
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = Native.state(arena);
      int result = (int) ProcessCalls.linked().kill().invokeExact(state, (int) pid, signal);
      if (result == 0) {
        return true;
      }
      int errno = Native.errno(state);
      if (errno == Errno.ESRCH) {
        return false;
      }
      throw new KernelException("kill", errno, "process " + pid + " with signal " + signal);
    } catch (KernelException e) {
      throw e;
    } catch (Throwable t) {
      throw Native.impossible(t);
    }
  }
}
