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
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/// Asks the upstream resolvers what is not of the cluster: first the one that answered last, then
/// the others in their order. Blocking, for virtual threads.
///
/// Each question has a socket of its own with a port the kernel picks at random, connected so that
/// only that upstream can answer, and a random id (RFC 5452); an answer must repeat both id and
/// question. A truncated one is asked again over TCP. The same question asked by many at once is
/// asked once.
final class Forwarder {
  private static final int RECURSION_DESIRED = 0x0100;

  /// How often the list of upstreams is gone through before giving up.
  private static final int ROUNDS = 2;

  private final List<InetSocketAddress> upstreams;
  private final Duration timeout;
  private final AnswerCache cache;
  private final ConcurrentHashMap<AnswerCache.Key, CompletableFuture<Reply>> running =
      new ConcurrentHashMap<>();
  private final SecureRandom random = new SecureRandom();

  /// The upstream that answered last is asked first, so that a dead one costs its timeout once.
  private volatile int preferred;

  Forwarder(DnsConfig config) {
    this.upstreams = config.upstreams();
    this.timeout = config.upstreamTimeout();
    this.cache = new AnswerCache(config.cachedAnswers());
  }

  boolean hasUpstreams() {
    return !upstreams.isEmpty();
  }

  @Nullable Reply cached(Name name, Query query) {
    return cache.get(key(name, query), System.nanoTime());
  }

  private static AnswerCache.Key key(Name name, Query query) {
    return new AnswerCache.Key(name, query.type(), query.dnssecOk());
  }

  /// What the upstreams say of `name` with the query's type; SERVFAIL if none says anything.
  Reply ask(Name name, Query query) {
    AnswerCache.Key key = key(name, query);
    CompletableFuture<Reply> mine = new CompletableFuture<>();
    CompletableFuture<Reply> theirs = running.putIfAbsent(key, mine);
    if (theirs != null) {
      return theirs.join();
    }
    Reply reply = Reply.error(ResponseCode.SERVER_FAILURE);
    try {
      reply = askInTurn(name, query);
      cache.put(key, reply, System.nanoTime());
      return reply;
    } finally {
      running.remove(key);
      mine.complete(reply);
    }
  }

  private Reply askInTurn(Name name, Query query) {
    Reply last = Reply.error(ResponseCode.SERVER_FAILURE);
    for (int round = 0; round < ROUNDS; round++) {
      int first = preferred;
      for (int i = 0; i < upstreams.size(); i++) {
        int index = (first + i) % upstreams.size();
        try {
          Reply reply = exchange(upstreams.get(index), name, query);
          if (reply.responseCode() == ResponseCode.NO_ERROR
              || reply.responseCode() == ResponseCode.NAME_ERROR) {
            preferred = index;
            return reply;
          }
          last = reply;
        } catch (IOException | MalformedMessage e) {
          // Silent, closed or talking nonsense: the next one is the remedy.
        }
      }
    }
    return last;
  }

  private Reply exchange(InetSocketAddress upstream, Name name, Query query)
      throws IOException, MalformedMessage {
    int id = random.nextInt(0x10000);
    byte[] question = question(id, name, query);
    Message message = overUdp(upstream, question, id, name, query.type());
    if (message.isTruncated()) {
      message = overTcp(upstream, question, id, name, query.type());
    }
    return new Reply(
        message.responseCode(),
        false,
        message.answers(),
        message.authorities(),
        message.extras().stream().filter(record -> record.type() != RecordType.OPT).toList());
  }

  private static byte[] question(int id, Name name, Query query) {
    WireWriter writer = new WireWriter();
    writer.reset(WireWriter.MAX_MESSAGE_BYTES);
    writer.u16(id);
    writer.u16(RECURSION_DESIRED);
    writer.u16(1);
    writer.i32(0);
    writer.u16(1);
    writer.bytes(name.wire());
    writer.u16(query.type());
    writer.u16(ResourceRecord.CLASS_IN);
    writer.record(Reply.opt(0, query.dnssecOk()));
    return writer.toBytes();
  }

  private Message overUdp(InetSocketAddress upstream, byte[] question, int id, Name name, int type)
      throws IOException {
    long deadline = System.nanoTime() + timeout.toNanos();
    byte[] buffer = new byte[WireWriter.MAX_MESSAGE_BYTES];
    try (DatagramSocket socket = new DatagramSocket()) {
      socket.connect(upstream);
      socket.send(new DatagramPacket(question, question.length));
      while (true) {
        socket.setSoTimeout(millisUntil(deadline));
        DatagramPacket packet = new DatagramPacket(buffer, buffer.length);
        socket.receive(packet);
        try {
          Message message = Message.read(buffer, packet.getLength());
          if (answers(message, id, name, type)) {
            return message;
          }
        } catch (MalformedMessage e) {
          // It may be forged; the true one may still come.
        }
      }
    }
  }

  private Message overTcp(InetSocketAddress upstream, byte[] question, int id, Name name, int type)
      throws IOException, MalformedMessage {
    long deadline = System.nanoTime() + timeout.toNanos();
    try (Socket socket = new Socket()) {
      socket.connect(upstream, millisUntil(deadline));
      byte[] framed = new byte[question.length + 2];
      framed[0] = (byte) (question.length >>> 8);
      framed[1] = (byte) question.length;
      System.arraycopy(question, 0, framed, 2, question.length);
      socket.getOutputStream().write(framed);
      socket.setSoTimeout(millisUntil(deadline));
      DataInputStream input = new DataInputStream(socket.getInputStream());
      byte[] answer = new byte[input.readUnsignedShort()];
      input.readFully(answer);
      Message message = Message.read(answer, answer.length);
      if (!answers(message, id, name, type)) {
        throw new MalformedMessage("the answer is to another question", 0);
      }
      return message;
    }
  }

  private static boolean answers(Message message, int id, Name name, int type) {
    return message.isResponse()
        && message.id() == id
        && message.questions().size() == 1
        && message
            .questions()
            .getFirst()
            .equals(new Message.Question(name, type, ResourceRecord.CLASS_IN));
  }

  private static int millisUntil(long deadline) throws SocketTimeoutException {
    long millis = (deadline - System.nanoTime()) / 1_000_000;
    if (millis < 1) {
      throw new SocketTimeoutException("the upstream does not answer");
    }
    return (int) Math.min(millis, 60_000);
  }
}
