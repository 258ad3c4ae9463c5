// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/// The system call `bpf(2)`, for package `bpf` only. The C library has no function for it.
public final class BpfCall {
  private static final MethodHandle SYSCALL =
      Linker.nativeLinker()
          .downcallHandle(
              Linker.nativeLinker().defaultLookup().findOrThrow("syscall"),
              FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_INT, ADDRESS, JAVA_INT),
              Linker.Option.captureCallState("errno"),
              Linker.Option.firstVariadicArg(1));

  /// `__NR_bpf` of `asm/unistd_64.h` and of `asm-generic/unistd.h`.
  private static final long NUMBER = System.getProperty("os.arch").equals("amd64") ? 321 : 280;

  private BpfCall() {}

  /// Makes the call.
  ///
  /// @param command of `enum bpf_cmd`
  /// @param name of the command, for a message
  /// @param attributes a `union bpf_attr`
  /// @param subject what it is about, for a message
  /// @throws KernelException if the kernel refuses
  public static int call(int command, String name, MemorySegment attributes, String subject) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = Native.state(arena);
      long result =
          (long)
              SYSCALL.invokeExact(state, NUMBER, command, attributes, (int) attributes.byteSize());
      if (result < 0) {
        throw new KernelException(name, Native.errno(state), subject);
      }
      return (int) result;
    } catch (RuntimeException e) {
      throw e;
    } catch (Throwable t) {
      throw Native.impossible(t);
    }
  }

  /// Opens a directory, for commands that take one.
  public static Fd directory(java.nio.file.Path path) {
    return Native.open(path.toString());
  }

  /// As [#call], for a command that answers with a file descriptor.
  public static Fd open(int command, String name, MemorySegment attributes, String subject) {
    return new Fd(call(command, name, attributes, subject));
  }
}
