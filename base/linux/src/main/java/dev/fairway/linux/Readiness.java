// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.fairway.linux.Native.ReadinessCalls;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashMap;
import java.util.Map;
import java.util.function.LongConsumer;

/// Waits until one of many sockets has something to do (epoll(7)). [#await] blocks in the kernel,
/// so it belongs to a platform thread of its own; everything else may be called from anywhere.
public final class Readiness implements AutoCloseable {
  static final int READABLE = 1;
  static final int WRITABLE = 4;
  static final int EDGES = 1 << 31;
  private static final int HANG_UP = 0x2000;
  private static final int ADD = 1;
  private static final int REMOVE = 2;
  private static final int CLOSE_ON_EXEC = 0x80000;
  private static final int NONBLOCK = 0x800;
  private static final int MAX_EVENTS = 64;
  private static final long WAKE = -1;

  /// `struct epoll_event` is packed on x86-64 only.
  private static final boolean PACKED = "amd64".equals(System.getProperty("os.arch"));

  private static final int EVENT_BYTES = PACKED ? 12 : 16;
  private static final int DATA_OFFSET = PACKED ? 4 : 8;

  private final Fd epoll;
  private final Fd wake;
  private final Map<Long, Fd> members = new HashMap<>();
  private boolean closed;

  public Readiness() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = Native.state(arena);
      int number = (int) ReadinessCalls.linked().create().invokeExact(state, CLOSE_ON_EXEC);
      if (number < 0) {
        throw new KernelException("epoll_create1", Native.errno(state), "a set of sockets");
      }
      epoll = new Fd(number);
      int event =
          (int) ReadinessCalls.linked().eventfd().invokeExact(state, 0, CLOSE_ON_EXEC | NONBLOCK);
      if (event < 0) {
        int errno = Native.errno(state);
        epoll.close();
        throw new KernelException("eventfd", errno, "a set of sockets");
      }
      wake = new Fd(event);
    } catch (RuntimeException e) {
      throw e;
    } catch (Throwable t) {
      throw Native.impossible(t);
    }
    control(ADD, wake, READABLE, WAKE);
  }

  /// Watches a socket until it is removed or closed.
  ///
  /// @param token not negative, what [#await] tells of it
  synchronized void add(Fd fd, int events, long token) {
    members.put(token, fd);
    control(ADD, fd, events | HANG_UP, token);
  }

  /// Tells when a socket has something to receive.
  ///
  /// @param token not negative, what [#await] tells of it
  public void add(UdpSocket socket, long token) {
    add(socket.fd(), READABLE, token);
  }

  /// As [#add(UdpSocket, long)].
  public void add(PacketSocket socket, long token) {
    add(socket.fd(), READABLE, token);
  }

  /// Must come before the socket is closed.
  public synchronized void remove(long token) {
    Fd fd = members.remove(token);
    if (fd != null && !closed) {
      control(REMOVE, fd, 0, token);
    }
  }

  private void control(int operation, Fd fd, int events, long token) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = Native.state(arena);
      MemorySegment event = arena.allocate(EVENT_BYTES, 8);
      event.set(JAVA_INT, 0, events);
      event.set(JAVA_LONG.withByteAlignment(4), DATA_OFFSET, token);
      int result =
          (int)
              ReadinessCalls.linked()
                  .control()
                  .invokeExact(state, epoll.number(), operation, fd.number(), event);
      if (result < 0 && operation == ADD) {
        throw new KernelException("epoll_ctl", Native.errno(state), fd.toString());
      }
    } catch (RuntimeException e) {
      throw e;
    } catch (Throwable t) {
      throw Native.impossible(t);
    }
  }

  /// Waits for events, or [#wake], or the time to pass.
  ///
  /// @param timeoutMillis -1 for ever
  /// @param ready called with the token of each socket that has something
  public void await(int timeoutMillis, LongConsumer ready) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = Native.state(arena);
      MemorySegment events = arena.allocate((long) EVENT_BYTES * MAX_EVENTS, 8);
      int count =
          (int)
              ReadinessCalls.linked()
                  .await()
                  .invokeExact(state, epoll.number(), events, MAX_EVENTS, timeoutMillis);
      if (count < 0 && Native.errno(state) != Errno.EINTR) {
        throw new KernelException("epoll_wait", Native.errno(state), "a set of sockets");
      }
      for (int i = 0; i < count; i++) {
        long token =
            events.get(
                ValueLayout.JAVA_LONG.withByteAlignment(1), (long) i * EVENT_BYTES + DATA_OFFSET);
        if (token == WAKE) {
          MemorySegment counter = arena.allocate(8, 8);
          long ignored =
              (long) ReadinessCalls.linked().read().invokeExact(state, wake.number(), counter, 8L);
        } else {
          ready.accept(token);
        }
      }
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable t) {
      throw Native.impossible(t);
    }
  }

  /// Makes a running or the next [#await] return at once.
  public synchronized void wake() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = Native.state(arena);
      MemorySegment one = arena.allocateFrom(JAVA_LONG, 1L);
      long ignored =
          (long) ReadinessCalls.linked().write().invokeExact(state, wake.number(), one, 8L);
    } catch (RuntimeException e) {
      throw e;
    } catch (Throwable t) {
      throw Native.impossible(t);
    }
  }

  /// Only when nobody is in [#await] any more.
  @Override
  public synchronized void close() {
    closed = true;
    wake.close();
    epoll.close();
  }
}
