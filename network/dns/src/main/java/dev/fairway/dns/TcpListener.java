// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// One TCP address (RFC 7766), with or without TLS (RFC 7858), a virtual thread a connection.
///
/// No client can hold it: each may have an eighth of the places; when all are taken, the connection
/// that has waited longest for its next question makes room; and a connection that is quiet, or
/// sends or takes a message too slowly, is closed.
final class TcpListener implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(TcpListener.class);
  private static final int BACKLOG = 256;

  private final ServerSocket server;
  private final @Nullable TlsIdentity identity;
  private final Answering answering;
  private final int most;
  private final int mostOfOneClient;
  private final Set<TcpConnection> open = ConcurrentHashMap.newKeySet();

  private TcpListener(
      ServerSocket server,
      @Nullable TlsIdentity identity,
      Answering answering,
      int connectionsAtOnce) {
    this.server = server;
    this.identity = identity;
    this.answering = answering;
    this.most = connectionsAtOnce;
    this.mostOfOneClient = Math.max(2, connectionsAtOnce / 8);
  }

  /// @param identity who it is over TLS, null to do without
  static TcpListener open(
      InetSocketAddress address,
      @Nullable TlsIdentity identity,
      Answering answering,
      int connectionsAtOnce)
      throws IOException {
    ServerSocket server = new ServerSocket();
    try {
      server.setReuseAddress(true);
      server.bind(address, BACKLOG);
      return new TcpListener(server, identity, answering, connectionsAtOnce);
    } catch (IOException | RuntimeException e) {
      server.close();
      throw e;
    }
  }

  InetSocketAddress address() {
    return (InetSocketAddress) server.getLocalSocketAddress();
  }

  void start() {
    Thread.ofVirtual().name("dns-tcp-" + server.getLocalSocketAddress()).start(this::accept);
    Thread.ofVirtual().name("dns-tcp-deadlines").start(this::closeTheSlow);
  }

  private void accept() {
    while (!server.isClosed()) {
      try {
        Socket socket = server.accept();
        if (!hasPlace(socket.getInetAddress())) {
          socket.close();
          continue;
        }
        TcpConnection connection = new TcpConnection(socket, identity, answering);
        open.add(connection);
        Thread.ofVirtual()
            .name("dns-connection")
            .start(() -> {
              try {
                connection.serve();
              } finally {
                open.remove(connection);
              }
            });
      } catch (IOException e) {
        if (!server.isClosed()) {
          LOG.warn("{}: cannot accept: {}", server.getLocalSocketAddress(), e.getMessage());
        }
      }
    }
  }

  private boolean hasPlace(InetAddress client) {
    int ofClient = 0;
    TcpConnection idlest = null;
    TcpConnection idlestOfClient = null;
    for (TcpConnection connection : open) {
      if (connection.client().equals(client)) {
        ofClient++;
        idlestOfClient = idler(idlestOfClient, connection);
      }
      idlest = idler(idlest, connection);
    }
    if (ofClient >= mostOfOneClient) {
      return makesRoom(idlestOfClient);
    }
    return open.size() < most || makesRoom(idlest);
  }

  private static TcpConnection idler(@Nullable TcpConnection one, TcpConnection other) {
    return one == null || other.idleNanos() > one.idleNanos() ? other : one;
  }

  private boolean makesRoom(@Nullable TcpConnection idlest) {
    if (idlest == null || idlest.idleNanos() == 0) {
      return false;
    }
    idlest.close();
    open.remove(idlest);
    return true;
  }

  private void closeTheSlow() {
    while (!server.isClosed()) {
      try {
        Thread.sleep(500);
      } catch (InterruptedException e) {
        return;
      }
      long now = System.nanoTime();
      for (TcpConnection connection : open) {
        if (connection.isLate(now)) {
          connection.close();
        }
      }
    }
  }

  @Override
  public void close() {
    try {
      server.close();
    } catch (IOException e) {
      LOG.debug("closing: {}", e.getMessage());
    }
    open.forEach(TcpConnection::close);
  }
}
