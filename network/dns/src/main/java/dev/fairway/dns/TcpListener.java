// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// One TCP address (RFC 7766), a virtual thread a connection. Questions of one connection are
/// answered one after the other.
final class TcpListener implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(TcpListener.class);
  private static final int IDLE_MILLIS = 10_000;
  private static final int BACKLOG = 256;

  private final ServerSocket server;
  private final Answering answering;
  private final Semaphore connections;
  private final Set<Socket> open = ConcurrentHashMap.newKeySet();

  private TcpListener(ServerSocket server, Answering answering, int connectionsAtOnce) {
    this.server = server;
    this.answering = answering;
    this.connections = new Semaphore(connectionsAtOnce);
  }

  static TcpListener open(InetSocketAddress address, Answering answering, int connectionsAtOnce)
      throws IOException {
    ServerSocket server = new ServerSocket();
    try {
      server.setReuseAddress(true);
      server.bind(address, BACKLOG);
      return new TcpListener(server, answering, connectionsAtOnce);
    } catch (IOException | RuntimeException e) {
      server.close();
      throw e;
    }
  }

  void start() {
    Thread.ofVirtual().name("dns-tcp-" + server.getLocalSocketAddress()).start(this::accept);
  }

  private void accept() {
    while (!server.isClosed()) {
      try {
        Socket socket = server.accept();
        if (!connections.tryAcquire()) {
          socket.close();
          continue;
        }
        open.add(socket);
        Thread.ofVirtual().name("dns-connection").start(() -> serve(socket));
      } catch (IOException e) {
        if (!server.isClosed()) {
          LOG.warn("{}: cannot accept: {}", server.getLocalSocketAddress(), e.getMessage());
        }
      }
    }
  }

  private void serve(Socket socket) {
    try (socket) {
      socket.setTcpNoDelay(true);
      socket.setSoTimeout(IDLE_MILLIS);
      DataInputStream input = new DataInputStream(new BufferedInputStream(socket.getInputStream()));
      OutputStream output = socket.getOutputStream();
      WireWriter writer = new WireWriter();
      while (true) {
        byte[] request = new byte[input.readUnsignedShort()];
        input.readFully(request);
        Answering.Step step =
            answering.answer(request, request.length, WireWriter.MAX_MESSAGE_BYTES, writer);
        if (step instanceof Answering.Step.AskUpstream ask) {
          answering.ask(ask, WireWriter.MAX_MESSAGE_BYTES, writer);
        } else if (step instanceof Answering.Step.Silence) {
          return;
        }
        byte[] framed = new byte[writer.length() + 2];
        framed[0] = (byte) (writer.length() >>> 8);
        framed[1] = (byte) writer.length();
        System.arraycopy(writer.array(), 0, framed, 2, writer.length());
        output.write(framed);
      }
    } catch (EOFException | SocketTimeoutException e) {
      // The asker is done.
    } catch (IOException e) {
      LOG.debug("a connection broke: {}", e.getMessage());
    } catch (RuntimeException e) {
      LOG.error("a query over TCP failed", e);
    } finally {
      open.remove(socket);
      connections.release();
    }
  }

  @Override
  public void close() {
    try {
      server.close();
      for (Socket socket : open) {
        socket.close();
      }
    } catch (IOException e) {
      LOG.debug("closing: {}", e.getMessage());
    }
  }
}
