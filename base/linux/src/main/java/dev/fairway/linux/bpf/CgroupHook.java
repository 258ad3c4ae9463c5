// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux.bpf;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.fairway.linux.BpfCall;
import dev.fairway.linux.Fd;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/// Programs on what the processes of a control group do, and of the groups below it.
public final class CgroupHook {
  private static final int PROG_ATTACH = 8;
  private static final int PROG_DETACH = 9;

  /// Others' programs on the same group stay.
  private static final int BESIDE_OTHERS = 1 << 1;

  private CgroupHook() {}

  /// Adds a program to a group of the unified hierarchy (cgroup v2).
  public static void attach(Path group, BpfProgram program) {
    change(PROG_ATTACH, "BPF_PROG_ATTACH", group, program, BESIDE_OTHERS);
  }

  public static void detach(Path group, BpfProgram program) {
    change(PROG_DETACH, "BPF_PROG_DETACH", group, program, 0);
  }

  private static void change(int command, String call, Path group, BpfProgram program, int flags) {
    try (Fd directory = BpfCall.directory(group);
        Arena arena = Arena.ofConfined()) {
      MemorySegment attributes = arena.allocate(32, 8);
      attributes.set(JAVA_INT, 0, directory.number());
      attributes.set(JAVA_INT, 4, program.fd().number());
      attributes.set(JAVA_INT, 8, program.kind().attachment);
      attributes.set(JAVA_INT, 12, flags);
      BpfCall.call(command, call, attributes, program + " on " + group);
    }
  }
}
