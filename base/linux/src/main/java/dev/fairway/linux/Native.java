// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.StructLayout;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;

/// The C library's functions as method handles, in small groups that are linked on first use: a
/// handle costs a few milliseconds, and most processes need few of them.
///
/// Each handle takes the segment for errno first. A record's fields are constants to the compiler,
/// so a call through a group costs no more than through a static field.
final class Native {
  private static final Linker LINKER = Linker.nativeLinker();
  private static final SymbolLookup SYMBOLS = LINKER.defaultLookup();
  private static final StructLayout STATE = Linker.Option.captureStateLayout();
  private static final VarHandle ERRNO =
      STATE.varHandle(MemoryLayout.PathElement.groupElement("errno"));
  private static final Linker.Option CAPTURE = Linker.Option.captureCallState("errno");

  private Native() {}

  /// Room for the errno of a call.
  static MemorySegment state(SegmentAllocator allocator) {
    return allocator.allocate(STATE);
  }

  static int errno(MemorySegment state) {
    return (int) ERRNO.get(state, 0L);
  }

  /// What a handle can throw is only a mistake in this class.
  static AssertionError impossible(Throwable thrown) {
    return new AssertionError("a native call threw", thrown);
  }

  private static MethodHandle link(String symbol, MemoryLayout result, MemoryLayout... arguments) {
    MemorySegment address =
        SYMBOLS
            .find(symbol)
            .orElseThrow(() -> new IllegalStateException("the C library has no " + symbol));
    return LINKER.downcallHandle(address, FunctionDescriptor.of(result, arguments), CAPTURE);
  }

  /// `open(2)`, `close(2)`.
  record FileCalls(MethodHandle open, MethodHandle close) {
    static FileCalls linked() {
      return FileCalls.Linked.CALLS;
    }

    private static final class Linked {
      static final FileCalls CALLS =
          new FileCalls(
              link("open", JAVA_INT, ADDRESS, JAVA_INT), link("close", JAVA_INT, JAVA_INT));
    }
  }

  /// `fstat(2)`.
  record StatCalls(MethodHandle fstat) {
    static StatCalls linked() {
      return StatCalls.Linked.CALLS;
    }

    private static final class Linked {
      static final StatCalls CALLS = new StatCalls(link("fstat", JAVA_INT, JAVA_INT, ADDRESS));
    }
  }

  /// Which file a descriptor is of.
  ///
  /// @param device of its file system
  record FileId(long device, long inode) {}

  /// `struct stat` begins with the two on every 64-bit Linux.
  static FileId fileId(Fd fd) {
    int structureBytes = 256;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = state(arena);
      MemorySegment stat = arena.allocate(structureBytes, 8);
      int result = (int) StatCalls.linked().fstat().invokeExact(state, fd.number(), stat);
      if (result < 0) {
        throw new KernelException("fstat", errno(state), "descriptor " + fd.number());
      }
      return new FileId(stat.get(JAVA_LONG, 0), stat.get(JAVA_LONG, 8));
    } catch (KernelException e) {
      throw e;
    } catch (Throwable t) {
      throw impossible(t);
    }
  }

  /// `setns(2)`, `unshare(2)`.
  record NamespaceCalls(MethodHandle setns, MethodHandle unshare) {
    static NamespaceCalls linked() {
      return NamespaceCalls.Linked.CALLS;
    }

    private static final class Linked {
      static final NamespaceCalls CALLS =
          new NamespaceCalls(
              link("setns", JAVA_INT, JAVA_INT, JAVA_INT), link("unshare", JAVA_INT, JAVA_INT));
    }
  }

  /// `mount(2)`, `umount2(2)`.
  record MountCalls(MethodHandle mount, MethodHandle umount2) {
    static MountCalls linked() {
      return MountCalls.Linked.CALLS;
    }

    private static final class Linked {
      static final MountCalls CALLS =
          new MountCalls(
              link("mount", JAVA_INT, ADDRESS, ADDRESS, ADDRESS, JAVA_LONG, ADDRESS),
              link("umount2", JAVA_INT, ADDRESS, JAVA_INT));
    }
  }

  /// `flock(2)`.
  record LockCalls(MethodHandle flock) {
    static LockCalls linked() {
      return LockCalls.Linked.CALLS;
    }

    private static final class Linked {
      static final LockCalls CALLS = new LockCalls(link("flock", JAVA_INT, JAVA_INT, JAVA_INT));
    }
  }

  /// `kill(2)`.
  record ProcessCalls(MethodHandle kill) {
    static ProcessCalls linked() {
      return ProcessCalls.Linked.CALLS;
    }

    private static final class Linked {
      static final ProcessCalls CALLS =
          new ProcessCalls(link("kill", JAVA_INT, JAVA_INT, JAVA_INT));
    }
  }

  /// `socket(2)`, `send(2)`, `recv(2)`, `setsockopt(2)`.
  record SocketCalls(
      MethodHandle socket, MethodHandle send, MethodHandle recv, MethodHandle setsockopt) {
    static SocketCalls linked() {
      return SocketCalls.Linked.CALLS;
    }

    private static final class Linked {
      static final SocketCalls CALLS =
          new SocketCalls(
              link("socket", JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT),
              link("send", JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT),
              link("recv", JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT),
              link("setsockopt", JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT));
    }
  }

  /// What a TCP or UDP socket needs besides [SocketCalls]: `bind(2)`, `connect(2)`, `listen(2)`,
  /// `accept4(2)`, `getsockopt(2)`, `getsockname(2)`, `shutdown(2)`, `sendto(2)`, `recvmsg(2)`.
  record TransportCalls(
      MethodHandle bind,
      MethodHandle connect,
      MethodHandle listen,
      MethodHandle accept4,
      MethodHandle getsockopt,
      MethodHandle getsockname,
      MethodHandle shutdown,
      MethodHandle sendto,
      MethodHandle recvmsg) {
    static TransportCalls linked() {
      return TransportCalls.Linked.CALLS;
    }

    private static final class Linked {
      static final TransportCalls CALLS =
          new TransportCalls(
              link("bind", JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT),
              link("connect", JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT),
              link("listen", JAVA_INT, JAVA_INT, JAVA_INT),
              link("accept4", JAVA_INT, JAVA_INT, ADDRESS, ADDRESS, JAVA_INT),
              link("getsockopt", JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS, ADDRESS),
              link("getsockname", JAVA_INT, JAVA_INT, ADDRESS, ADDRESS),
              link("shutdown", JAVA_INT, JAVA_INT, JAVA_INT),
              link("sendto", JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT, ADDRESS, JAVA_INT),
              link("recvmsg", JAVA_LONG, JAVA_INT, ADDRESS, JAVA_INT));
    }
  }

  /// `recvmmsg(2)`, `sendmmsg(2)`.
  record BatchCalls(MethodHandle recvmmsg, MethodHandle sendmmsg) {
    static BatchCalls linked() {
      return BatchCalls.Linked.CALLS;
    }

    private static final class Linked {
      static final BatchCalls CALLS =
          new BatchCalls(
              link("recvmmsg", JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT, ADDRESS),
              link("sendmmsg", JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT));
    }
  }

  /// `epoll_create1(2)`, `epoll_ctl(2)`, `epoll_wait(2)`, `eventfd(2)`, `read(2)`, `write(2)`.
  record ReadinessCalls(
      MethodHandle create,
      MethodHandle control,
      MethodHandle await,
      MethodHandle eventfd,
      MethodHandle read,
      MethodHandle write) {
    static ReadinessCalls linked() {
      return ReadinessCalls.Linked.CALLS;
    }

    private static final class Linked {
      static final ReadinessCalls CALLS =
          new ReadinessCalls(
              link("epoll_create1", JAVA_INT, JAVA_INT),
              link("epoll_ctl", JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS),
              link("epoll_wait", JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT),
              link("eventfd", JAVA_INT, JAVA_INT, JAVA_INT),
              link("read", JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG),
              link("write", JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG));
    }
  }

  /// `setpriority(2)`, and `gettid(2)`, whose errno means nothing.
  record PriorityCalls(MethodHandle setpriority, MethodHandle gettid) {
    static PriorityCalls linked() {
      return PriorityCalls.Linked.CALLS;
    }

    private static final class Linked {
      static final PriorityCalls CALLS =
          new PriorityCalls(
              link("setpriority", JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT),
              link("gettid", JAVA_INT));
    }
  }

  /// Opens a file read-only, closed on exec.
  static Fd open(String path) {
    int closeOnExec = 0x80000;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = state(arena);
      int fd =
          (int) FileCalls.linked().open().invokeExact(state, arena.allocateFrom(path), closeOnExec);
      if (fd < 0) {
        throw new KernelException("open", errno(state), path);
      }
      return new Fd(fd);
    } catch (KernelException e) {
      throw e;
    } catch (Throwable t) {
      throw impossible(t);
    }
  }

  static void close(int fd) {
    try (Arena arena = Arena.ofConfined()) {
      // The number is free again whatever close(2) answers, so there is nothing to retry.
      int ignored = (int) FileCalls.linked().close().invokeExact(state(arena), fd);
    } catch (Throwable t) {
      throw impossible(t);
    }
  }
}
