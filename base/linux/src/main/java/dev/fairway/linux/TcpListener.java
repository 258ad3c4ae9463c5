// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

import dev.fairway.linux.Sockets.Accepted;
import dev.fairway.net.TransportAddress;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.SocketException;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/// Takes TCP connections. What it was set up with (TTL, keys, device) goes over to each of them.
public final class TcpListener implements AutoCloseable {
  private final Sockets sockets;
  private final Fd fd;
  private final SocketWaits waits;
  private final Set<SocketKey> keys = new HashSet<>();
  private boolean closed;

  TcpListener(Sockets sockets, Fd fd) {
    this.sockets = sockets;
    this.fd = fd;
    this.waits = sockets.watch(fd);
  }

  /// Waits for the next connection.
  ///
  /// @throws SocketException if the listener was closed
  /// @throws InterruptedIOException if the thread was interrupted; it still is then
  public TcpSocket accept() throws IOException {
    while (true) {
      long known = waits.changes();
      Accepted accepted;
      synchronized (this) {
        check();
        accepted = Sockets.accept(fd);
      }
      if (accepted != null) {
        return taken(accepted);
      }
      try {
        waits.await(known, Long.MAX_VALUE);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        InterruptedIOException interrupted = new InterruptedIOException("accept");
        interrupted.initCause(e);
        throw interrupted;
      }
      synchronized (this) {
        check();
      }
    }
  }

  private TcpSocket taken(Accepted accepted) throws IOException {
    try {
      return new TcpSocket(sockets, accepted.fd(), accepted.remote());
    } catch (RuntimeException e) {
      accepted.fd().close();
      throw new SocketException(accepted.remote() + ": " + e.getMessage(), e);
    }
  }

  /// The keys of new connections from now on; those without a key take unsigned segments only.
  ///
  /// @throws KernelException if the kernel refuses one
  public synchronized void keys(List<? extends SocketKey> wanted) throws SocketException {
    check();
    for (SocketKey old : List.copyOf(keys)) {
      if (!wanted.contains(old)) {
        TcpKeys.remove(fd, old);
        keys.remove(old);
      }
    }
    for (SocketKey key : wanted) {
      if (!keys.contains(key)) {
        TcpKeys.put(fd, key);
        keys.add(key);
      }
    }
  }

  public synchronized TransportAddress localAddress() throws SocketException {
    check();
    return InetSocket.localAddress(fd);
  }

  private void check() throws SocketException {
    if (closed) {
      throw new SocketException("the listener is closed");
    }
  }

  @Override
  public void close() {
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
      sockets.forget(waits);
      fd.close();
    }
    waits.end();
  }
}
