// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.streaming;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;

/// One HTTPS POST to a server that is named otherwise than it is reached: a Service's name stands
/// in the certificate, an endpoint's address is dialled. Redirections are not followed
/// (CVE-2020-8561): an answer is what the named server says, nothing else.
public final class SecurePost {
  private static final int MOST_BYTES = 8 << 20;

  private SecurePost() {}

  /// Where to.
  ///
  /// @param name in the certificate, the SNI and the `Host` header
  /// @param pathAndQuery with a leading slash
  public record Target(String name, int port, InetSocketAddress address, String pathAndQuery) {}

  /// What was answered.
  @SuppressWarnings("ArrayRecordComponent") // read once; nobody changes it
  public record Answer(int status, byte[] body) {}

  /// Asks and waits for the whole answer.
  ///
  /// @param timeout for all of it
  /// @throws SocketTimeoutException if that is over
  public static Answer send(SSLContext tls, Target target, byte[] body, Duration timeout)
      throws IOException {
    long deadline = System.nanoTime() + timeout.toNanos();
    try (Socket plain = new Socket()) {
      CompletableFuture<Void> end =
          CompletableFuture.runAsync(
              () -> Relay.close(plain),
              CompletableFuture.delayedExecutor(timeout.toNanos(), TimeUnit.NANOSECONDS));
      try {
        plain.setTcpNoDelay(true);
        plain.connect(target.address(), (int) Math.max(1, timeout.toMillis()));
        return exchange(tls, plain, target, body);
      } catch (IOException broken) {
        if (System.nanoTime() - deadline >= 0) {
          throw new SocketTimeoutException("context deadline exceeded");
        }
        throw broken;
      } finally {
        end.cancel(false);
      }
    }
  }

  private static Answer exchange(SSLContext tls, Socket plain, Target target, byte[] body)
      throws IOException {
    try (SSLSocket socket =
        (SSLSocket)
            tls.getSocketFactory().createSocket(plain, target.name(), target.port(), true)) {
      SSLParameters parameters = socket.getSSLParameters();
      parameters.setEndpointIdentificationAlgorithm("HTTPS");
      socket.setSSLParameters(parameters);
      socket.startHandshake();
      OutputStream out = socket.getOutputStream();
      String host = target.name().indexOf(':') < 0 ? target.name() : "[" + target.name() + "]";
      String head =
          "POST "
              + target.pathAndQuery()
              + " HTTP/1.1\r\nHost: "
              + host
              + (target.port() == 443 ? "" : ":" + target.port())
              + "\r\nUser-Agent: kube-apiserver-admission\r\nContent-Type: application/json\r\n"
              + "Accept: application/json, */*\r\nConnection: close\r\nContent-Length: "
              + body.length
              + "\r\n\r\n";
      out.write(head.getBytes(StandardCharsets.ISO_8859_1));
      out.write(body);
      out.flush();
      InputStream in = new BufferedInputStream(socket.getInputStream());
      ResponseHead answer = ResponseHead.read(in);
      while (answer.status() < 200) {
        answer = ResponseHead.read(in);
      }
      return new Answer(answer.status(), body(in, answer));
    }
  }

  private static byte[] body(InputStream in, ResponseHead head) throws IOException {
    String coding = head.headers().getOrDefault("transfer-encoding", "");
    if (coding.equalsIgnoreCase("chunked")) {
      return chunks(in);
    }
    String length = head.headers().get("content-length");
    int wanted =
        length == null ? MOST_BYTES + 1 : (int) Math.min(number(length, 10), MOST_BYTES + 1);
    byte[] read = in.readNBytes(wanted);
    if (read.length > MOST_BYTES) {
      throw tooLong();
    }
    if (length != null && read.length < wanted) {
      throw new IOException("unexpected EOF");
    }
    return read;
  }

  private static byte[] chunks(InputStream in) throws IOException {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    while (true) {
      String line = line(in);
      int end = line.indexOf(';');
      long size = number((end < 0 ? line : line.substring(0, end)).strip(), 16);
      if (size == 0) {
        return all.toByteArray();
      }
      if (all.size() + size > MOST_BYTES) {
        throw tooLong();
      }
      byte[] chunk = in.readNBytes((int) size);
      if (chunk.length < size) {
        throw new IOException("unexpected EOF");
      }
      all.writeBytes(chunk);
      line(in);
    }
  }

  private static String line(InputStream in) throws IOException {
    StringBuilder line = new StringBuilder();
    for (int next = in.read(); next != '\n'; next = in.read()) {
      if (next < 0 || line.length() > 1024) {
        throw new IOException("malformed chunked encoding");
      }
      line.append((char) next);
    }
    return line.toString().strip();
  }

  private static long number(String text, int radix) throws IOException {
    try {
      long number = Long.parseLong(text, radix);
      if (number >= 0) {
        return number;
      }
    } catch (NumberFormatException _) {
      // Told below.
    }
    throw new IOException("the answer's length is no number");
  }

  private static IOException tooLong() {
    return new IOException("the answer is longer than " + MOST_BYTES + " bytes");
  }
}
