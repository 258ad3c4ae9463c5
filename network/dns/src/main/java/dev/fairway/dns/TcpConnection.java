// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.util.concurrent.Semaphore;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// One client's connection. What the server knows is answered in order; what an upstream must be
/// asked for does not hold up the questions behind it (RFC 7766 section 6.2.1.1).
final class TcpConnection {
  private static final Logger LOG = LoggerFactory.getLogger(TcpConnection.class);
  private static final long IDLE_NANOS = 10_000_000_000L;
  private static final long MESSAGE_NANOS = 3_000_000_000L;

  /// Longer than the upstreams are given.
  private static final long ANSWER_NANOS = 10_000_000_000L;

  /// For the whole zone: who reads more slowly than that holds what is as it was for too long.
  private static final long TRANSFER_NANOS = 120_000_000_000L;

  private static final int MAX_QUERY_BYTES = 4096;
  private static final int PIPELINED = 16;

  private final Socket socket;
  private final @Nullable TlsIdentity identity;
  private volatile @Nullable OutputStream output;
  private final Asker asker;
  private final Answering answering;
  private final Semaphore pipeline = new Semaphore(PIPELINED);

  /// When the wait for the next question began, 0 while there is something to do.
  private volatile long idleSince = System.nanoTime();

  private volatile long deadline = System.nanoTime() + IDLE_NANOS;

  /// @param identity null without TLS
  TcpConnection(Socket socket, @Nullable TlsIdentity identity, Answering answering) {
    this.socket = socket;
    this.identity = identity;
    this.asker = new Asker(socket.getInetAddress(), true);
    this.answering = answering;
  }

  InetAddress client() {
    return asker.address();
  }

  /// For how long no question has come, 0 while one is read or answered.
  long idleNanos() {
    long since = idleSince;
    return since == 0 ? 0 : Math.max(1, System.nanoTime() - since);
  }

  boolean isLate(long nowNanos) {
    return nowNanos - deadline > 0;
  }

  void serve() {
    try {
      socket.setTcpNoDelay(true);
      Socket talk = identity == null ? socket : identity.over(socket);
      output = talk.getOutputStream();
      DataInputStream input = new DataInputStream(new BufferedInputStream(talk.getInputStream()));
      WireWriter writer = new WireWriter();
      while (true) {
        waitForNext();
        int first = input.readUnsignedByte();
        begin(MESSAGE_NANOS);
        byte[] request = new byte[first << 8 | input.readUnsignedByte()];
        if (request.length > MAX_QUERY_BYTES) {
          return;
        }
        input.readFully(request);
        begin(ANSWER_NANOS);
        switch (answering.answer(asker, request, request.length, writer)) {
          case Answering.Step.Written _ -> send(writer);
          case Answering.Step.Silence _ -> {
            return;
          }
          case Answering.Step.SendAll(Transfer transfer) -> {
            long end = System.nanoTime() + TRANSFER_NANOS;
            while (transfer.next(writer)) {
              begin(Math.min(ANSWER_NANOS, end - System.nanoTime()));
              send(writer);
            }
          }
          case Answering.Step.AskUpstream ask -> {
            pipeline.acquireUninterruptibly();
            Thread.ofVirtual().name("dns-forward").start(() -> forward(ask));
          }
        }
      }
    } catch (EOFException e) {
      // The asker has no more questions, and may still want its answers.
      pipeline.acquireUninterruptibly(PIPELINED);
    } catch (IOException e) {
      LOG.debug("a connection broke: {}", e.getMessage());
    } catch (RuntimeException e) {
      LOG.error("a query over TCP failed", e);
    } finally {
      close();
    }
  }

  private void waitForNext() {
    boolean answered = pipeline.availablePermits() == PIPELINED;
    deadline = System.nanoTime() + IDLE_NANOS;
    idleSince = answered ? System.nanoTime() : 0;
  }

  private void begin(long nanos) {
    idleSince = 0;
    deadline = System.nanoTime() + nanos;
  }

  private void forward(Answering.Step.AskUpstream ask) {
    try {
      WireWriter writer = new WireWriter();
      answering.ask(ask, writer);
      send(writer);
    } catch (IOException e) {
      LOG.debug("a connection broke: {}", e.getMessage());
    } catch (RuntimeException e) {
      LOG.error("a forwarded query over TCP failed", e);
      close();
    } finally {
      pipeline.release();
    }
  }

  private synchronized void send(WireWriter writer) throws IOException {
    byte[] framed = new byte[writer.length() + 2];
    framed[0] = (byte) (writer.length() >>> 8);
    framed[1] = (byte) writer.length();
    System.arraycopy(writer.array(), 0, framed, 2, writer.length());
    OutputStream out = output;
    if (out != null) {
      out.write(framed);
    }
  }

  void close() {
    try {
      socket.close();
    } catch (IOException e) {
      LOG.debug("closing: {}", e.getMessage());
    }
  }
}
