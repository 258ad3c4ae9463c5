// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

import java.io.DataInputStream;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.security.SecureRandom;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/// One question to one upstream.
///
/// A forger has to guess a port that the kernel picks at random, an id and the letter case of the
/// name (RFC 5452, draft-vixie-dnsext-dns0x20), and the socket is connected, so that only the
/// upstream's address counts. An upstream that spells the name in a case of its own is asked over
/// TCP, as is one whose answer is truncated.
final class Exchange {
  private static final int RECURSION_DESIRED = 0x0100;

  private final InetSocketAddress upstream;
  private final int id;
  private final Name name;
  private final int type;
  private final byte[] question;
  private final long deadline;

  Exchange(
      SecureRandom random,
      InetSocketAddress upstream,
      Name name,
      int type,
      boolean dnssecOk,
      Duration timeout) {
    this.upstream = upstream;
    this.type = type;
    this.name = name.spelledByChance(random);
    id = random.nextInt(0x10000);
    question = question(dnssecOk);
    deadline = System.nanoTime() + timeout.toNanos();
  }

  /// @throws IOException if it does not answer in time
  /// @throws MalformedMessage if it talks nonsense over TCP; over UDP nonsense is not listened to
  ///
  /// @param secure to ask over TLS alone; null to ask over UDP and, where that is not enough, TCP
  Message run(@Nullable TlsUpstream secure) throws IOException, MalformedMessage {
    if (secure != null) {
      return secure.ask(framed(), this::millisLeft, this::ofStream);
    }
    Message message = overUdp();
    return message.isTruncated() || !isOurSpelling(message) ? overTcp() : message;
  }

  private byte[] question(boolean dnssecOk) {
    WireWriter writer = new WireWriter();
    writer.reset(WireWriter.MAX_MESSAGE_BYTES);
    writer.u16(id);
    writer.u16(RECURSION_DESIRED);
    writer.u16(1);
    writer.i32(0);
    writer.u16(1);
    writer.bytes(name.wire());
    writer.u16(type);
    writer.u16(ResourceRecord.CLASS_IN);
    writer.record(Reply.opt(0, dnssecOk));
    return writer.toBytes();
  }

  private Message overUdp() throws IOException {
    byte[] buffer = new byte[WireWriter.MAX_MESSAGE_BYTES];
    try (DatagramSocket socket = new DatagramSocket(0)) {
      socket.connect(upstream);
      socket.send(new DatagramPacket(question, question.length));
      while (true) {
        socket.setSoTimeout(millisLeft());
        DatagramPacket packet = new DatagramPacket(buffer, buffer.length);
        socket.receive(packet);
        try {
          Message message = Message.read(buffer, packet.getLength());
          if (answers(message)) {
            return message;
          }
        } catch (MalformedMessage e) {
          // It may be forged; the true one may still come.
        }
      }
    }
  }

  private Message overTcp() throws IOException, MalformedMessage {
    try (Socket socket = new Socket()) {
      socket.connect(upstream, millisLeft());
      try (Cutoff cutoff = Cutoff.after(millisLeft(), socket)) {
        socket.getOutputStream().write(framed());
        DataInputStream input = new DataInputStream(socket.getInputStream());
        byte[] answer = new byte[input.readUnsignedShort()];
        input.readFully(answer);
        return ofStream(answer);
      }
    }
  }

  private byte[] framed() {
    byte[] framed = new byte[question.length + 2];
    framed[0] = (byte) (question.length >>> 8);
    framed[1] = (byte) question.length;
    System.arraycopy(question, 0, framed, 2, question.length);
    return framed;
  }

  private Message ofStream(byte[] answer) throws MalformedMessage {
    Message message = Message.read(answer, answer.length);
    if (!answers(message)) {
      throw new MalformedMessage("the answer is to another question", 0);
    }
    return message;
  }

  private boolean answers(Message message) {
    return message.isResponse()
        && message.id() == id
        && message.questions().size() == 1
        && message
            .questions()
            .getFirst()
            .equals(new Message.Question(name, type, ResourceRecord.CLASS_IN));
  }

  private boolean isOurSpelling(Message message) {
    return message.questions().getFirst().name().isSpelledAs(name);
  }

  private int millisLeft() throws SocketTimeoutException {
    long millis = (deadline - System.nanoTime()) / 1_000_000;
    if (millis < 1) {
      throw new SocketTimeoutException("the upstream does not answer");
    }
    return (int) Math.min(millis, 60_000);
  }
}
