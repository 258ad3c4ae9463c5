// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.fairway.linux.Native.TransportCalls;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;

/// Room for what reaches another process by UDP while that has no time for it.
///
/// A program that asks for none has what `net.core.rmem_default` gives, some 150 large packets, and
/// that is one setting for all of the machine. So its sockets are borrowed (`pidfd_getfd(2)`, Linux
/// 5.6) and given their room from here. Not for several threads at a time.
public final class ReceiveBuffers {
  private static final MethodHandle SYSCALL =
      Linker.nativeLinker()
          .downcallHandle(
              Linker.nativeLinker().defaultLookup().findOrThrow("syscall"),
              FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG),
              Linker.Option.captureCallState("errno"),
              Linker.Option.firstVariadicArg(1));

  // The same numbers in asm/unistd_64.h and asm-generic/unistd.h.
  private static final long PIDFD_OPEN = 434;
  private static final long PIDFD_GETFD = 438;

  // asm-generic/socket.h
  private static final int SOL_SOCKET = 1;
  private static final int SO_TYPE = 3;
  private static final int SO_RCVBUF = 8;
  private static final int SO_RCVBUFFORCE = 33;
  private static final int SO_DOMAIN = 39;
  private static final int SOCK_DGRAM = 2;
  private static final int AF_INET = 2;
  private static final int AF_INET6 = 10;

  private final int bytes;

  /// Sockets that have been looked at, as `/proc/PID/fd` names them.
  private Set<String> known = Set.of();

  /// @param bytes for each socket; those that have more keep it
  public ReceiveBuffers(int bytes) {
    this.bytes = bytes;
  }

  /// Looks after the sockets that a process has now.
  ///
  /// @throws IOException if the process is not there
  /// @throws KernelException if the kernel lets nobody do that
  public void enlarge(long pid) throws IOException {
    Set<String> found = new HashSet<>();
    try (DirectoryStream<Path> all = Files.newDirectoryStream(Path.of("/proc/" + pid + "/fd"))) {
      for (Path each : all) {
        String name = target(each);
        if (name.startsWith("socket:") && found.add(name) && !known.contains(name)) {
          enlarge(pid, Integer.parseInt(each.getFileName().toString()));
        }
      }
    }
    known = found;
  }

  private static String target(Path descriptor) {
    try {
      return Files.readSymbolicLink(descriptor).toString();
    } catch (IOException e) {
      return ""; // closed meanwhile
    }
  }

  private void enlarge(long pid, int descriptor) {
    try (Fd process = open(PIDFD_OPEN, pid, 0, "pidfd_open", "process " + pid);
        Fd socket =
            open(
                PIDFD_GETFD,
                process.number(),
                descriptor,
                "pidfd_getfd",
                "descriptor " + descriptor + " of process " + pid)) {
      int domain = option(socket, SO_DOMAIN);
      boolean udp = option(socket, SO_TYPE) == SOCK_DGRAM;
      if (udp && (domain == AF_INET || domain == AF_INET6) && option(socket, SO_RCVBUF) < bytes) {
        InetSocket.option(socket, SOL_SOCKET, SO_RCVBUFFORCE, bytes, "SO_RCVBUFFORCE");
      }
    } catch (KernelException e) {
      if (e.errno() != Errno.EBADF) { // closed meanwhile
        throw e;
      }
    }
  }

  private static Fd open(long number, long first, long second, String name, String subject) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = Native.state(arena);
      long result = (long) SYSCALL.invokeExact(state, number, first, second, 0L);
      if (result < 0) {
        throw new KernelException(name, Native.errno(state), subject);
      }
      return new Fd((int) result);
    } catch (RuntimeException e) {
      throw e;
    } catch (Throwable t) {
      throw Native.impossible(t);
    }
  }

  private static int option(Fd fd, int name) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = Native.state(arena);
      MemorySegment value = arena.allocate(JAVA_INT);
      MemorySegment length = arena.allocateFrom(JAVA_INT, Integer.BYTES);
      int result =
          (int)
              TransportCalls.linked()
                  .getsockopt()
                  .invokeExact(state, fd.number(), SOL_SOCKET, name, value, length);
      if (result < 0) {
        throw new KernelException("getsockopt", Native.errno(state), "option " + name);
      }
      return value.get(JAVA_INT, 0);
    } catch (RuntimeException e) {
      throw e;
    } catch (Throwable t) {
      throw Native.impossible(t);
    }
  }
}
