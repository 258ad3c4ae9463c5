// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

import java.io.IOException;
import java.io.InputStream;
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

  TlsUpstream(InetSocketAddress address, String serverName, SSLContext context) {
    this.address = address;
    this.serverName = serverName.isEmpty() ? address.getAddress().getHostAddress() : serverName;
    this.context = context;
  }

  /// Asks, and gives what is answered.
  ///
  /// @param framed the question behind its length
  byte[] ask(byte[] framed, Deadline deadline) throws IOException {
    Kept kept = take();
    if (kept != null) {
      try {
        return talk(kept, framed, deadline);
      } catch (IOException e) {
        // The resolver may have closed it meanwhile; a new connection tells.
      }
    }
    return talk(connect(deadline), framed, deadline);
  }

  private byte[] talk(Kept with, byte[] framed, Deadline deadline) throws IOException {
    boolean good = false;
    try {
      with.secure().setSoTimeout(deadline.millisLeft());
      with.secure().getOutputStream().write(framed);
      byte[] head = read(with, 2, deadline);
      byte[] answer = read(with, (head[0] & 255) << 8 | (head[1] & 255), deadline);
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

  private static byte[] read(Kept from, int length, Deadline deadline) throws IOException {
    InputStream in = from.secure().getInputStream();
    byte[] octets = new byte[length];
    int at = 0;
    while (at < length) {
      from.secure().setSoTimeout(deadline.millisLeft());
      int count = in.read(octets, at, length - at);
      if (count < 0) {
        throw new IOException("the upstream closed the connection");
      }
      at += count;
    }
    return octets;
  }

  private Kept connect(Deadline deadline) throws IOException {
    Socket transport = new Socket();
    try {
      transport.connect(address, deadline.millisLeft());
      transport.setTcpNoDelay(true);
      transport.setSoTimeout(deadline.millisLeft());
      SSLSocket secure =
          (SSLSocket)
              context
                  .getSocketFactory()
                  .createSocket(transport, serverName, address.getPort(), true);
      SSLParameters parameters = secure.getSSLParameters();
      // The name in the certificate is compared as for HTTPS (RFC 8310 section 8.1).
      parameters.setEndpointIdentificationAlgorithm("HTTPS");
      secure.setSSLParameters(parameters);
      secure.startHandshake();
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
      if (idle.size() == MOST_IDLE) {
        idle.removeFirst().close();
      }
      idle.addLast(new Kept(kept.transport(), kept.secure(), System.nanoTime()));
    }
  }

  void close() {
    synchronized (idle) {
      idle.forEach(Kept::close);
      idle.clear();
    }
  }
}
