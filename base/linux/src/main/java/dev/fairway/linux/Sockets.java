// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.fairway.linux.Native.TransportCalls;
import dev.fairway.net.TransportAddress;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.ConnectException;
import java.net.NoRouteToHostException;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/// TCP sockets with what the JDK's lack: MD5 signatures, TTL security, a device, a mark, and a
/// namespace of their own choice.
///
/// One platform thread waits in epoll(7) for all of them; whoever reads or writes waits on a
/// condition, so it may be a virtual thread, can be interrupted, and ends when the socket is
/// closed.
public final class Sockets implements AutoCloseable {
  private static final int BACKLOG = 128;
  private final Readiness readiness = new Readiness();
  private final Map<Long, SocketWaits> waits = new ConcurrentHashMap<>();
  private final AtomicLong tokens = new AtomicLong();
  private final Thread thread;
  private volatile boolean closed;

  private Sockets() {
    thread = Thread.ofPlatform().name("sockets").daemon(true).start(this::run);
  }

  public static Sockets open() {
    return new Sockets();
  }

  /// Opens a connection and waits until it stands.
  ///
  /// @param namespace it is opened in and stays in
  /// @param local address to come from, null for the kernel's choice; its port may be 0
  /// @throws ConnectException if the other end refuses
  /// @throws SocketTimeoutException if nothing was heard in time
  /// @throws KernelException if a setting is refused; the message names it
  /// @throws InterruptedException if the thread was interrupted; nothing is left open
  public TcpSocket connect(
      NetworkNamespace namespace,
      SocketSettings settings,
      @Nullable TransportAddress local,
      TransportAddress remote,
      Duration timeout)
      throws IOException, InterruptedException {
    Fd fd =
        namespace.visit(
            () -> InetSocket.open(remote.address().family(), InetSocket.STREAM, settings));
    TcpSocket socket;
    try {
      if (local != null) {
        InetSocket.bind(fd, local);
      }
      int errno = startConnect(fd, remote);
      if (errno != 0 && errno != Errno.EINPROGRESS) {
        throw failed(errno, remote.toString());
      }
      socket = new TcpSocket(this, fd, remote);
    } catch (IOException | RuntimeException e) {
      fd.close();
      throw e;
    }
    try {
      socket.finishConnect(timeout);
      return socket;
    } catch (IOException | InterruptedException | RuntimeException e) {
      socket.close();
      throw e;
    }
  }

  private static int startConnect(Fd fd, TransportAddress remote) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = Native.state(arena);
      MemorySegment name = SocketAddressWire.write(arena, remote, 0);
      int result =
          (int)
              TransportCalls.linked()
                  .connect()
                  .invokeExact(state, fd.number(), name, (int) name.byteSize());
      return result == 0 ? 0 : Native.errno(state);
    } catch (RuntimeException e) {
      throw e;
    } catch (Throwable t) {
      throw Native.impossible(t);
    }
  }

  /// Takes connections.
  ///
  /// @param local port 0 lets the kernel choose
  public TcpListener listen(
      NetworkNamespace namespace, SocketSettings settings, TransportAddress local) {
    Fd fd =
        namespace.visit(
            () -> InetSocket.open(local.address().family(), InetSocket.STREAM, settings));
    try (Arena arena = Arena.ofConfined()) {
      InetSocket.bind(fd, local);
      MemorySegment state = Native.state(arena);
      int result = (int) TransportCalls.linked().listen().invokeExact(state, fd.number(), BACKLOG);
      if (result < 0) {
        throw new KernelException("listen", Native.errno(state), local.toString());
      }
      return new TcpListener(this, fd);
    } catch (RuntimeException e) {
      fd.close();
      throw e;
    } catch (Throwable t) {
      throw Native.impossible(t);
    }
  }

  /// Takes a connection that waits, null if none does.
  static @Nullable Accepted accept(Fd listener) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = Native.state(arena);
      MemorySegment name = arena.allocate(SocketAddressWire.MAX_BYTES, 8);
      MemorySegment length = arena.allocateFrom(JAVA_INT, SocketAddressWire.MAX_BYTES);
      int number =
          (int)
              TransportCalls.linked()
                  .accept4()
                  .invokeExact(state, listener.number(), name, length, InetSocket.NONBLOCK_CLOEXEC);
      if (number < 0) {
        return switch (Native.errno(state)) {
          // One that was gone before it was taken is none.
          case Errno.EAGAIN, Errno.EINTR, Errno.ECONNABORTED -> null;
          default -> throw failed(Native.errno(state), "accept");
        };
      }
      Fd fd = new Fd(number);
      TransportAddress remote = SocketAddressWire.read(name);
      if (remote == null) {
        fd.close();
        return null;
      }
      return new Accepted(fd, remote);
    } catch (IOException | RuntimeException e) {
      throw e;
    } catch (Throwable t) {
      throw Native.impossible(t);
    }
  }

  record Accepted(Fd fd, TransportAddress remote) {}

  static IOException failed(int errno, String what) {
    String text = what + ": " + Errno.name(errno) + " (" + errno + ")";
    return switch (errno) {
      case Errno.ECONNREFUSED -> new ConnectException(text);
      case Errno.ETIMEDOUT -> new SocketTimeoutException(text);
      case Errno.EHOSTUNREACH, 101 -> new NoRouteToHostException(text);
      default -> new SocketException(text);
    };
  }

  /// Begins to watch a socket.
  SocketWaits watch(Fd fd) {
    if (closed) {
      throw new IllegalStateException("the sockets are closed");
    }
    long token = tokens.getAndIncrement();
    SocketWaits made = new SocketWaits(token);
    waits.put(token, made);
    try {
      readiness.add(fd, Readiness.READABLE | Readiness.WRITABLE | Readiness.EDGES, token);
    } catch (RuntimeException e) {
      waits.remove(token);
      throw e;
    }
    return made;
  }

  void forget(SocketWaits socket) {
    if (waits.remove(socket.token()) != null && !closed) {
      readiness.remove(socket.token());
    }
  }

  private void run() {
    ThreadPriority.raise();
    while (!closed) {
      readiness.await(
          -1,
          token -> {
            SocketWaits socket = waits.get(token);
            if (socket != null) {
              socket.happened();
            }
          });
    }
  }

  /// Ends every wait; sockets that are open still have to be closed by their owners.
  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    readiness.wake();
    boolean interrupted = Thread.interrupted();
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    waits.values().forEach(SocketWaits::end);
    readiness.close();
  }
}
