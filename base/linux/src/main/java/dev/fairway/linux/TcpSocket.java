// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.fairway.linux.Native.SocketCalls;
import dev.fairway.linux.Native.TransportCalls;
import dev.fairway.net.TransportAddress;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.time.Duration;

/// A TCP connection. One thread may read while another writes; closing it from a third ends both.
public final class TcpSocket implements AutoCloseable {
  private static final int TCP_NODELAY = 1;
  private static final int MSG_NOSIGNAL = 0x4000;
  private static final int SHUT_RDWR = 2;
  private static final int CHUNK = 64 << 10;

  private final Sockets sockets;
  private final Fd fd;
  private final TransportAddress remote;
  private final SocketWaits waits;
  private boolean closed;

  TcpSocket(Sockets sockets, Fd fd, TransportAddress remote) {
    this.sockets = sockets;
    this.fd = fd;
    this.remote = remote;
    InetSocket.option(fd, InetSocket.SOL_TCP, TCP_NODELAY, 1, "TCP_NODELAY");
    this.waits = sockets.watch(fd);
  }

  void finishConnect(Duration timeout) throws IOException, InterruptedException {
    long end = System.nanoTime() + timeout.toNanos();
    while (true) {
      long known = waits.changes();
      int errno = pendingError();
      if (errno != 0) {
        throw Sockets.failed(errno, remote.toString());
      }
      if (connected()) {
        return;
      }
      if (!waits.await(known, end - System.nanoTime())) {
        throw new SocketTimeoutException(remote + ": no answer in " + timeout);
      }
    }
  }

  private synchronized int pendingError() throws SocketException {
    check();
    return InetSocket.pendingError(fd);
  }

  /// An empty send is refused until the connection stands.
  private boolean connected() throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      return send(arena, new byte[1], 0, 0) >= 0;
    }
  }

  public TransportAddress remoteAddress() {
    return remote;
  }

  public synchronized TransportAddress localAddress() throws SocketException {
    check();
    return InetSocket.localAddress(fd);
  }

  /// Sets TTL, minimum TTL and traffic class of what follows, as far as the settings say: for a
  /// connection that was accepted before it was known from whom. The rest of them is ignored.
  public synchronized void reach(SocketSettings settings) throws SocketException {
    check();
    InetSocket.reach(fd, remote.address().family(), InetSocket.STREAM, settings);
  }

  /// Waits for bytes and takes what is there.
  ///
  /// @return how many were read, -1 if the other end has nothing more to say
  /// @throws SocketTimeoutException if nothing came in time
  /// @throws InterruptedIOException if the thread was interrupted; it still is then
  /// @throws SocketException if the connection broke or was closed
  public int read(byte[] into, int offset, int length, Duration timeout) throws IOException {
    long end = System.nanoTime() + timeout.toNanos();
    try (Arena arena = Arena.ofConfined()) {
      while (true) {
        long known = waits.changes();
        int count = receive(arena, into, offset, length);
        if (count != 0 || length == 0) {
          return count;
        }
        await(known, end - System.nanoTime(), "nothing was heard in " + timeout);
      }
    }
  }

  /// Hands all bytes to the kernel, waiting where its buffer is full.
  ///
  /// @throws SocketTimeoutException if the other end did not take them in time; how many it has got
  ///   is not known then, so the connection is of no more use
  public void write(byte[] from, int offset, int length, Duration timeout) throws IOException {
    long end = System.nanoTime() + timeout.toNanos();
    int done = 0;
    while (done < length) {
      try (Arena arena = Arena.ofConfined()) {
        long known = waits.changes();
        int count = send(arena, from, offset + done, length - done);
        if (count < 0) {
          await(known, end - System.nanoTime(), "the other end takes no bytes for " + timeout);
        } else {
          done += count;
        }
      }
    }
  }

  private void await(long known, long nanos, String otherwise) throws IOException {
    try {
      if (!waits.await(known, nanos)) {
        synchronized (this) {
          check();
        }
        throw new SocketTimeoutException(remote + ": " + otherwise);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      InterruptedIOException interrupted = new InterruptedIOException(remote.toString());
      interrupted.initCause(e);
      throw interrupted;
    }
  }

  /// Gives 0 if nothing is there yet, -1 at the end.
  private synchronized int receive(Arena arena, byte[] into, int offset, int length)
      throws IOException {
    check();
    MemorySegment state = Native.state(arena);
    int size = Math.min(length, CHUNK);
    MemorySegment bytes = arena.allocate(Math.max(1, size));
    try {
      long count =
          (long) SocketCalls.linked().recv().invokeExact(state, fd.number(), bytes, (long) size, 0);
      if (count < 0) {
        int errno = Native.errno(state);
        if (errno == Errno.EAGAIN || errno == Errno.EINTR) {
          return 0;
        }
        throw Sockets.failed(errno, remote.toString());
      }
      MemorySegment.copy(bytes, JAVA_BYTE, 0, into, offset, (int) count);
      return count == 0 ? -1 : (int) count;
    } catch (IOException | RuntimeException e) {
      throw e;
    } catch (Throwable t) {
      throw Native.impossible(t);
    }
  }

  /// Gives how many bytes the kernel took, -1 if it has no room.
  private synchronized int send(Arena arena, byte[] from, int offset, int length)
      throws IOException {
    check();
    MemorySegment state = Native.state(arena);
    int size = Math.min(length, CHUNK);
    MemorySegment bytes = arena.allocate(Math.max(1, size));
    MemorySegment.copy(from, offset, bytes, JAVA_BYTE, 0, size);
    try {
      long count =
          (long)
              SocketCalls.linked()
                  .send()
                  .invokeExact(state, fd.number(), bytes, (long) size, MSG_NOSIGNAL);
      if (count < 0) {
        int errno = Native.errno(state);
        boolean notYet = errno == Errno.ENOTCONN && size == 0;
        if (errno == Errno.EAGAIN || errno == Errno.EINTR || notYet) {
          return -1;
        }
        throw Sockets.failed(errno, remote.toString());
      }
      return (int) count;
    } catch (IOException | RuntimeException e) {
      throw e;
    } catch (Throwable t) {
      throw Native.impossible(t);
    }
  }

  private void check() throws SocketException {
    if (closed) {
      throw new SocketException(remote + ": the connection is closed");
    }
  }

  /// Ends the connection; what was written is still delivered.
  @Override
  public void close() {
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
      sockets.forget(waits);
      try (Arena arena = Arena.ofConfined()) {
        int ignored =
            (int)
                TransportCalls.linked()
                    .shutdown()
                    .invokeExact(Native.state(arena), fd.number(), SHUT_RDWR);
      } catch (Throwable t) {
        throw Native.impossible(t);
      }
      fd.close();
    }
    waits.end();
  }

  @Override
  public String toString() {
    return "TCP to " + remote;
  }
}
