// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux.bpf;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.fairway.linux.BpfCall;
import dev.fairway.linux.Errno;
import dev.fairway.linux.Fd;
import dev.fairway.linux.KernelException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Optional;

/// Programs on what the processes of a control group do, and of the groups below it.
///
/// A socket belongs to the group that its process was in when it made it. Other people's programs
/// on the same group stay; those of groups further up run, too.
public final class CgroupHook {
  private static final int PROG_ATTACH = 8;
  private static final int PROG_DETACH = 9;
  private static final int PROG_QUERY = 16;
  private static final int BESIDE_OTHERS = 1 << 1;
  private static final int REPLACE = 1 << 2;

  /// `BPF_CGROUP_MAX_PROGS`
  private static final int MOST_PROGRAMS = 64;

  private final Path group;

  /// @param group a directory of the unified hierarchy (cgroup v2)
  public CgroupHook(Path group) {
    this.group = group;
  }

  /// Adds a program, or puts it in the place of one of the same name, in one step.
  ///
  /// @throws KernelException if there is no such group or it takes none
  public void set(BpfProgram program) {
    Optional<BpfProgram> before = find(program.name(), program.kind());
    try {
      int flags = before.isPresent() ? BESIDE_OTHERS | REPLACE : BESIDE_OTHERS;
      int replaced = before.map(old -> old.fd().number()).orElse(0);
      change(PROG_ATTACH, "BPF_PROG_ATTACH", program, flags, replaced);
    } finally {
      before.ifPresent(BpfProgram::close);
    }
  }

  /// Takes a program of that name away. One that is not there is away already.
  public void clear(String name, BpfProgram.Kind kind) {
    Optional<BpfProgram> found = find(name, kind);
    found.ifPresent(program -> {
      try (program) {
        change(PROG_DETACH, "BPF_PROG_DETACH", program, 0, 0);
      } catch (KernelException e) {
        if (e.errno() != Errno.ENOENT) {
          throw e;
        }
      }
    });
  }

  /// What the group itself has of that name, whoever attached it. The caller closes it.
  public Optional<BpfProgram> find(String name, BpfProgram.Kind kind) {
    try (Fd directory = BpfCall.directory(group);
        Arena arena = Arena.ofConfined()) {
      MemorySegment ids = arena.allocate(4L * MOST_PROGRAMS, 8);
      MemorySegment attributes = arena.allocate(64, 8);
      attributes.set(JAVA_INT, 0, directory.number());
      attributes.set(JAVA_INT, 4, kind.attachment);
      attributes.set(JAVA_LONG, 16, ids.address());
      attributes.set(JAVA_INT, 24, MOST_PROGRAMS);
      BpfCall.call(PROG_QUERY, "BPF_PROG_QUERY", attributes, group.toString());
      for (int i = 0; i < attributes.get(JAVA_INT, 24); i++) {
        Optional<BpfProgram> program = BpfProgram.byId(ids.getAtIndex(JAVA_INT, i), kind);
        if (program.isPresent() && program.get().name().equals(BpfProgram.shortName(name))) {
          return program;
        }
        program.ifPresent(BpfProgram::close);
      }
      return Optional.empty();
    }
  }

  private void change(int command, String call, BpfProgram program, int flags, int replaced) {
    try (Fd directory = BpfCall.directory(group);
        Arena arena = Arena.ofConfined()) {
      MemorySegment attributes = arena.allocate(32, 8);
      attributes.set(JAVA_INT, 0, directory.number());
      attributes.set(JAVA_INT, 4, program.fd().number());
      attributes.set(JAVA_INT, 8, program.kind().attachment);
      attributes.set(JAVA_INT, 12, flags);
      attributes.set(JAVA_INT, 16, replaced);
      BpfCall.call(command, call, attributes, program + " on " + group);
    }
  }
}
