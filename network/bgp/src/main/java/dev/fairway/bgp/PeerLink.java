// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp;

import dev.fairway.bgp.session.Agreement;
import dev.fairway.bgp.session.Link.Direction;
import dev.fairway.bgp.wire.Message;
import dev.fairway.bgp.wire.Message.Keepalive;
import dev.fairway.bgp.wire.Message.Open;
import dev.fairway.bgp.wire.MessageReader;
import dev.fairway.bgp.wire.MessageWriter;
import dev.fairway.bgp.wire.Notification;
import dev.fairway.bgp.wire.ProtocolException;
import dev.fairway.bgp.wire.SessionTerms;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// A connection at work: a virtual thread that reads and one that writes and keeps alive.
///
/// Reading stops while the loop has too much to do: what is read takes from a credit, in octets,
/// that all connections share, and the loop gives it back. Time so spent is no silence of the
/// neighbour.
final class PeerLink {
  private static final Logger LOG = LoggerFactory.getLogger(PeerLink.class);
  private static final int FIRST_BUFFER = 16 * 1024;
  private static final int WRITE_BUFFER = 64 * 1024;
  private static final long NEVER = TimeUnit.DAYS.toNanos(1000);
  private static final long SECOND = TimeUnit.SECONDS.toNanos(1);

  /// No more than one a second (RFC 4271 4.4).
  private static final long SHORTEST_KEEPALIVE = SECOND + 2_000_000;

  /// How long a neighbour is nudged that does not say when it has told all.
  private static final long NUDGED = TimeUnit.SECONDS.toNanos(30);

  private final int number;
  private final Direction direction;
  private final BgpTransport.Connection connection;
  private final Outbox outbox = new Outbox();
  private final CountDownLatch written = new CountDownLatch(1);
  private final AtomicLong received = new AtomicLong();
  private final AtomicLong sent = new AtomicLong();
  private volatile @Nullable Agreement agreement;
  private volatile long heardAt = System.nanoTime();
  private volatile long writingSince;
  private volatile boolean handingOver;
  private volatile long keepaliveNanos = NEVER;
  private volatile long nudgedUntil;
  private volatile boolean hasToldAll;

  PeerLink(int number, Direction direction, BgpTransport.Connection connection) {
    this.number = number;
    this.direction = direction;
    this.connection = connection;
  }

  /// Who wants to know what comes. Called on the reading thread.
  interface Receiver {
    /// A message came.
    ///
    /// @param octets to be given back to the credit when done
    void came(PeerLink link, Message message, int octets);

    void fault(PeerLink link, ProtocolException fault);

    void broke(PeerLink link, String why);

    /// Nothing is written any more, and the connection is closed. Called on the writing thread.
    void ended(PeerLink link);
  }

  int number() {
    return number;
  }

  Direction direction() {
    return direction;
  }

  BgpTransport.Connection connection() {
    return connection;
  }

  Outbox outbox() {
    return outbox;
  }

  /// What both sides agreed on, once the other side's OPEN is there.
  @Nullable Agreement agreement() {
    return agreement;
  }

  long received() {
    return received.get();
  }

  long sent() {
    return sent.get();
  }

  /// How long the neighbour has been silent; zero while it waits for us.
  long silentNanos() {
    return handingOver ? 0 : System.nanoTime() - heardAt;
  }

  /// How long the neighbour has not taken what we write (RFC 9687).
  long stuckNanos() {
    long since = writingSince;
    return since == 0 ? 0 : System.nanoTime() - since;
  }

  /// Sends the first message and starts to read.
  void open(Open ours, long expectedAs, Semaphore credit, Receiver receiver) {
    send(ours);
    Thread.ofVirtual()
        .name("bgp-read-" + connection.remote())
        .start(() -> read(ours, expectedAs, credit, receiver));
    Thread.ofVirtual().name("bgp-write-" + connection.remote()).start(() -> write(receiver));
  }

  void send(Message message) {
    sent.incrementAndGet();
    outbox.put(MessageWriter.write(message));
  }

  void send(ByteBuffer update) {
    sent.incrementAndGet();
    outbox.put(update);
  }

  /// Sends a keepalive now, and another whenever nothing else was sent for this long; each second
  /// at first, until the neighbour has told all it knows. BIRD may forget in the midst of that that
  /// it has more to say, and sleep for up to 3 s, unless something comes (2.0.12, `io_loop`).
  void keepAlive(long nanos) {
    keepaliveNanos = nanos > 0 ? nanos : NEVER;
    nudgedUntil = System.nanoTime() + NUDGED;
    send(new Keepalive());
  }

  /// The neighbour has told all it knows.
  void toldAll() {
    hasToldAll = true;
  }

  private long keepaliveInterval() {
    long usual = keepaliveNanos;
    boolean nudges = usual != NEVER && !hasToldAll && nudgedUntil - System.nanoTime() > 0;
    return nudges ? Math.min(usual, SHORTEST_KEEPALIVE) : usual;
  }

  /// Lets out what waits, then closes.
  void finish() {
    outbox.finish();
  }

  void close() {
    outbox.finish();
    connection.close();
  }

  /// Waits until all is written and the connection is closed, or it takes too long.
  void awaitEnd(long nanos) {
    try {
      boolean ignored = written.await(nanos, TimeUnit.NANOSECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void read(Open ours, long expectedAs, Semaphore credit, Receiver receiver) {
    SessionTerms terms = new SessionTerms(false, true, SessionTerms.USUAL_LONGEST, Set.of(), false);
    ByteBuffer buffer = ByteBuffer.allocate(FIRST_BUFFER);
    try {
      while (connection.read(buffer) >= 0) {
        buffer.flip();
        int length;
        while ((length = MessageReader.length(buffer, terms.longestMessage())) > 0
            && length <= buffer.remaining()) {
          ByteBuffer one = buffer.slice(buffer.position(), length);
          buffer.position(buffer.position() + length);
          heardAt = System.nanoTime(); // only whole messages count (RFC 4271 4.4)
          received.incrementAndGet();
          Message message = MessageReader.read(one, terms);
          if (message instanceof Open theirs && agreement == null) {
            Agreement agreed = Agreement.of(ours, theirs, expectedAs);
            terms = agreed.terms();
            agreement = agreed;
          }
          handOver(message, length, credit, receiver);
          if (message instanceof Notification) {
            return;
          }
        }
        buffer = withRoom(buffer, length);
      }
      receiver.broke(this, "the neighbour closed the connection");
    } catch (ProtocolException e) {
      receiver.fault(this, e);
    } catch (IOException e) {
      receiver.broke(this, "the connection broke: " + e.getMessage());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      receiver.broke(this, "interrupted");
    } catch (RuntimeException e) {
      LOG.error("BGP peer {}: what it said could not be read", connection.remote(), e);
      receiver.broke(this, "what it said could not be read");
    }
  }

  private void handOver(Message message, int length, Semaphore credit, Receiver receiver)
      throws InterruptedException {
    if (!credit.tryAcquire(length)) {
      handingOver = true;
      credit.acquire(length);
      heardAt = System.nanoTime();
      handingOver = false;
    }
    receiver.came(this, message, length);
  }

  /// The unread rest at the beginning of a buffer that holds the message it begins.
  private static ByteBuffer withRoom(ByteBuffer buffer, int length) {
    if (length <= buffer.capacity()) {
      return buffer.compact();
    }
    return ByteBuffer.allocate(SessionTerms.EXTENDED_LONGEST).put(buffer);
  }

  private void write(Receiver receiver) {
    ByteBuffer buffer = ByteBuffer.allocate(WRITE_BUFFER);
    ByteBuffer keepalive = MessageWriter.write(new Keepalive());
    try {
      while (true) {
        buffer.clear();
        long since = System.nanoTime();
        long left = keepaliveInterval();
        boolean took;
        do {
          // Woken at least each second, as the interval may have changed.
          took = outbox.take(buffer, Math.min(left, SECOND));
          left = keepaliveInterval() - (System.nanoTime() - since);
        } while (!took && left > 1_000_000);
        if (!took) {
          buffer.put(keepalive.duplicate());
          sent.incrementAndGet();
        }
        if (buffer.position() == 0) {
          return;
        }
        buffer.flip();
        writingSince = System.nanoTime() | 1;
        connection.write(buffer);
        writingSince = 0;
      }
    } catch (IOException e) {
      receiver.broke(this, "the connection broke: " + e.getMessage());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      connection.close();
      written.countDown();
      receiver.ended(this);
    }
  }
}
