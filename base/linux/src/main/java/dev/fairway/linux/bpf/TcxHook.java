// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux.bpf;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.fairway.linux.BpfCall;
import dev.fairway.linux.Errno;
import dev.fairway.linux.KernelException;
import dev.fairway.linux.NetworkNamespace;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import java.util.function.Supplier;

/// Programs on the links of one namespace, before its own network stack sees a packet or after
/// (Linux 6.6). Other people's programs on the same link stay, and run in the order of attachment.
///
/// To attach takes the kernel some 10 to 20 ms, in which no link can be changed anywhere; to
/// replace takes microseconds. So the first is nothing for a place where somebody waits.
public final class TcxHook {
  private static final int PROG_ATTACH = 8;
  private static final int PROG_DETACH = 9;
  private static final int PROG_QUERY = 16;
  private static final int REPLACE = 1 << 2;

  /// `BPF_MPROG_MAX`
  private static final int MOST_PROGRAMS = 64;

  private final NetworkNamespace machine;
  private final boolean here;

  /// Works on a namespace, which stays the caller's.
  public TcxHook(NetworkNamespace machine) {
    this.machine = machine;
    try (NetworkNamespace own = NetworkNamespace.current()) {
      here = own.equals(machine);
    }
  }

  /// Appends a program to a link's, or puts it in the place of one of the same name.
  ///
  /// @throws KernelException ENODEV if the link is gone
  public void set(int link, BpfProgram program) {
    inside(() -> {
      Optional<BpfProgram> before = query(link, program.name(), program.kind());
      try {
        int flags = before.isPresent() ? REPLACE : 0;
        int replaced = before.map(old -> old.fd().number()).orElse(0);
        change(PROG_ATTACH, "BPF_PROG_ATTACH", link, program, flags, replaced);
      } finally {
        before.ifPresent(BpfProgram::close);
      }
      return true;
    });
  }

  /// Takes a program of that name off a link. One that is not there is off already.
  public void clear(int link, String name, BpfProgram.Kind kind) {
    inside(() -> {
      try {
        Optional<BpfProgram> found = query(link, name, kind);
        found.ifPresent(program -> {
          change(PROG_DETACH, "BPF_PROG_DETACH", link, program, 0, 0);
          program.close();
        });
      } catch (KernelException e) {
        if (e.errno() != Errno.ENODEV && e.errno() != Errno.ENOENT) {
          throw e;
        }
      }
      return true;
    });
  }

  /// What a link has of that name, whoever attached it; nothing on a kernel that attaches nothing
  /// to links. The caller closes it.
  ///
  /// @throws KernelException ENODEV if the link is gone
  public Optional<BpfProgram> find(int link, String name, BpfProgram.Kind kind) {
    return inside(() -> query(link, name, kind));
  }

  private static Optional<BpfProgram> query(int link, String name, BpfProgram.Kind kind) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment ids = arena.allocate(4L * MOST_PROGRAMS, 8);
      MemorySegment attributes = arena.allocate(64, 8);
      attributes.set(JAVA_INT, 0, link);
      attributes.set(JAVA_INT, 4, kind.attachment);
      attributes.set(JAVA_LONG, 16, ids.address());
      attributes.set(JAVA_INT, 24, MOST_PROGRAMS);
      try {
        BpfCall.call(PROG_QUERY, "BPF_PROG_QUERY", attributes, "link " + link);
      } catch (KernelException e) {
        if (e.errno() == Errno.ENOENT || e.errno() == Errno.EINVAL) {
          return Optional.empty(); // the link never had one; the kernel knows no such place
        }
        throw e;
      }
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

  private static void change(
      int command, String call, int link, BpfProgram program, int flags, int replaced) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment attributes = arena.allocate(32, 8);
      attributes.set(JAVA_INT, 0, link);
      attributes.set(JAVA_INT, 4, program.fd().number());
      attributes.set(JAVA_INT, 8, program.kind().attachment);
      attributes.set(JAVA_INT, 12, flags);
      attributes.set(JAVA_INT, 16, replaced);
      BpfCall.call(command, call, attributes, program + " on link " + link);
    }
  }

  /// The kernel takes link numbers as those of the calling thread's namespace.
  private <T> T inside(Supplier<T> work) {
    return here ? work.get() : machine.<T, RuntimeException>call(work::get);
  }
}
