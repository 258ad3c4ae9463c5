// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.util.ArrayDeque;
import java.util.Deque;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import org.jspecify.annotations.Nullable;

/// One resolver that is asked over TLS. A connection serves one question at a time and is kept for
/// the next one, since its handshake costs more than a question.
final class TlsUpstream {
  private static final int MOST_IDLE = 8;
  private static final long IDLE_NANOS = 8_000_000_000L;

  private record Kept(Socket transport, SSLSocket secure, long sinceNanos) {
    void close() {
      try {
        transport.close();
      } catch (IOException e) {
        // It is of no more use either way.
      }
    }
  }

  /// Milliseconds that are left; throws when none are.
  @FunctionalInterface
  interface Deadline {
    int millisLeft() throws IOException;
  }

  private final InetSocketAddress address;
  private final String serverName;
  private final SSLContext context;
  private final Deque<Kept> idle = new ArrayDeque<>();
  private boolean closed;

  TlsUpstream(InetSocketAddress address, String serverName, SSLContext context) {
    this.address = address;
    this.serverName = serverName.isEmpty() ? address.getAddress().getHostAddress() : serverName;
    this.context = context;
  }

  /// Takes an answer in.
  @FunctionalInterface
  interface Reading {
    Message read(byte[] answer) throws MalformedMessage;
  }

  /// Asks, and gives what is answered. A connection that brought something else is not used again.
  ///
  /// @param framed the question behind its length
  Message ask(byte[] framed, Deadline deadline, Reading reading)
      throws IOException, MalformedMessage {
    Kept kept = take();
    if (kept != null) {
      // Half of the time, so that one that nobody answers on any more leaves some for another.
      int half = Math.max(1, deadline.millisLeft() / 2);
      try {
        return talk(kept, framed, half, reading);
      } catch (IOException | MalformedMessage e) {
        // The resolver may have closed it meanwhile; a new connection tells.
      }
    }
    return talk(connect(deadline), framed, deadline.millisLeft(), reading);
  }

  private Message talk(Kept with, byte[] framed, int millis, Reading reading)
      throws IOException, MalformedMessage {
    boolean good = false;
    try (Cutoff cutoff = Cutoff.after(millis, with.transport())) {
      with.secure().getOutputStream().write(framed);
      byte[] head = read(with, 2);
      Message answer = reading.read(read(with, (head[0] & 255) << 8 | (head[1] & 255)));
      good = true;
      return answer;
    } finally {
      if (good) {
        keep(with);
      } else {
        with.close();
      }
    }
  }

  private static byte[] read(Kept from, int length) throws IOException {
    byte[] octets = from.secure().getInputStream().readNBytes(length);
    if (octets.length < length) {
      throw new IOException("the upstream closed the connection");
    }
    return octets;
  }

  private Kept connect(Deadline deadline) throws IOException {
    Socket transport = new Socket();
    try {
      transport.connect(address, deadline.millisLeft());
      transport.setTcpNoDelay(true);
      SSLSocket secure =
          (SSLSocket)
              context
                  .getSocketFactory()
                  .createSocket(transport, serverName, address.getPort(), true);
      SSLParameters parameters = secure.getSSLParameters();
      // The name in the certificate is compared as for HTTPS (RFC 8310 section 8.1).
      parameters.setEndpointIdentificationAlgorithm("HTTPS");
      secure.setSSLParameters(parameters);
      try (Cutoff cutoff = Cutoff.after(deadline.millisLeft(), transport)) {
        secure.startHandshake();
      }
      return new Kept(transport, secure, 0);
    } catch (IOException | RuntimeException e) {
      transport.close();
      throw e;
    }
  }

  private @Nullable Kept take() {
    synchronized (idle) {
      Kept kept;
      while ((kept = idle.pollLast()) != null) {
        if (System.nanoTime() - kept.sinceNanos() < IDLE_NANOS) {
          return kept;
        }
        kept.close();
      }
      return null;
    }
  }

  private void keep(Kept kept) {
    synchronized (idle) {
      if (closed) {
        kept.close();
        return;
      }
      if (idle.size() == MOST_IDLE) {
        idle.removeFirst().close();
      }
      idle.addLast(new Kept(kept.transport(), kept.secure(), System.nanoTime()));
    }
  }

  void close() {
    synchronized (idle) {
      closed = true;
      idle.forEach(Kept::close);
      idle.clear();
    }
  }
}
