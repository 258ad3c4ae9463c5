// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp.bfd;

import dev.fairway.linux.Errno;
import dev.fairway.linux.KernelException;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.Readiness;
import dev.fairway.linux.SocketSettings;
import dev.fairway.linux.ThreadPriority;
import dev.fairway.linux.UdpSocket;
import dev.fairway.linux.UdpSocket.Datagram;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.TransportAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.PriorityQueue;
import java.util.Set;
import java.util.SplittableRandom;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Watches peers from one network namespace.
public final class BfdSpeaker implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(BfdSpeaker.class);
  private static final int SINGLE_HOP_PORT = 3784; // RFC 5881
  private static final int MULTIHOP_PORT = 4784; // RFC 5883
  private static final int FIRST_SOURCE_PORT = 49152; // RFC 5881 4
  private static final int PORT_ATTEMPTS = 50;
  private static final int NETWORK_CONTROL = 0xc0;
  private static final int MAX_PEERS = 10_000;
  private static final int MOST_AT_ONCE = 4096;
  private static final long MAX_WAIT_NANOS = Duration.ofSeconds(1).toNanos();
  private static final int FAREWELLS = 3;

  private final NetworkNamespace namespace;
  private final BfdListener listener;
  private final SplittableRandom random = new SplittableRandom();
  private final Readiness readiness = new Readiness();
  private final List<UdpSocket> inbound = new ArrayList<>();
  private final Set<String> opened = new HashSet<>();
  private final Map<IpAddress, Session> byAddress = new HashMap<>();
  private final Map<Integer, Session> byDiscriminator = new HashMap<>();
  private final PriorityQueue<Wake> wakes = new PriorityQueue<>(BfdSpeaker::earlier);
  private final Thread thread;
  private boolean closed;

  private BfdSpeaker(NetworkNamespace namespace, BfdListener listener) {
    this.namespace = namespace;
    this.listener = listener;
    thread = Thread.ofPlatform().name("bfd").daemon(true).start(this::run);
  }

  private static final class Session {
    final BfdMachine machine;
    final UdpSocket out;
    final TransportAddress to;
    BfdPeer peer;
    BfdState told = BfdState.DOWN;
    long flaps;
    long queued = Long.MAX_VALUE;

    Session(BfdPeer peer, BfdMachine machine, UdpSocket out) {
      this.peer = peer;
      this.machine = machine;
      this.out = out;
      this.to =
          new TransportAddress(peer.address(), peer.multihop() ? MULTIHOP_PORT : SINGLE_HOP_PORT);
    }

    BfdStatus status() {
      return new BfdStatus(
          peer.address(),
          machine.state(),
          machine.remoteState(),
          machine.diagnostic(),
          Duration.ofNanos(machine.detectionMicros() * 1000),
          Duration.ofNanos(machine.intervalMicros() * 1000),
          flaps);
    }
  }

  private record Wake(long at, Session session) {}

  private static int earlier(Wake a, Wake b) {
    return Long.signum(a.at - b.at);
  }

  /// Starts a speaker that watches nobody yet.
  ///
  /// @param namespace it speaks from; the handle stays the caller's and must stay open
  public static BfdSpeaker start(NetworkNamespace namespace, BfdListener listener) {
    return new BfdSpeaker(namespace, listener);
  }

  /// Whom to watch from now on, all of them each time. Sessions of peers that stay go on.
  ///
  /// @throws KernelException if a port is taken or an address not ours; the other peers are watched
  public synchronized void set(Collection<BfdPeer> peers) {
    if (closed) {
      throw new IllegalStateException("the BFD speaker is closed");
    }
    if (peers.size() > MAX_PEERS) {
      throw new IllegalArgumentException(
          peers.size() + " BFD peers; at most " + MAX_PEERS + " are possible");
    }
    long now = System.nanoTime();
    Map<IpAddress, BfdPeer> wanted = new HashMap<>();
    peers.forEach(peer -> wanted.put(peer.address(), peer));
    for (Session session : List.copyOf(byAddress.values())) {
      BfdPeer same = wanted.get(session.peer.address());
      if (same == null || !same.sameSession(session.peer)) {
        end(session, now);
      } else {
        session.machine.times(same.times(), now);
        session.peer = same;
        queue(session);
      }
    }
    KernelException refused = null;
    for (BfdPeer peer : wanted.values()) {
      try {
        if (!byAddress.containsKey(peer.address())) {
          begin(peer, now);
        }
      } catch (KernelException e) {
        refused = refused == null ? e : refused;
      }
    }
    readiness.wake();
    if (refused != null) {
      throw refused;
    }
  }

  private void begin(BfdPeer peer, long now) {
    listen(peer);
    UdpSocket out = source(peer);
    int discriminator;
    do {
      discriminator = random.nextInt();
    } while (discriminator == 0 || byDiscriminator.containsKey(discriminator));
    BfdMachine machine = new BfdMachine(discriminator, peer.times(), random, now);
    Session session = new Session(peer, machine, out);
    byAddress.put(peer.address(), session);
    byDiscriminator.put(discriminator, session);
    queue(session);
  }

  /// A port is opened with the first peer that needs it.
  private void listen(BfdPeer peer) {
    IpFamily family = peer.address().family();
    if (opened.contains(family + "" + peer.multihop())) {
      return;
    }
    SocketSettings settings = SocketSettings.NONE;
    UdpSocket socket =
        UdpSocket.open(
            namespace,
            peer.multihop() ? settings : settings.withTtlSecurity(1),
            new TransportAddress(
                new IpAddress(family, 0, 0), peer.multihop() ? MULTIHOP_PORT : SINGLE_HOP_PORT));
    readiness.add(socket, inbound.size());
    inbound.add(socket);
    opened.add(family + "" + peer.multihop());
  }

  private UdpSocket source(BfdPeer peer) {
    SocketSettings settings = SocketSettings.NONE.withTtl(255).withTrafficClass(NETWORK_CONTROL);
    IpAddress local =
        peer.local() != null ? peer.local() : new IpAddress(peer.address().family(), 0, 0);
    for (int attempt = 1; ; attempt++) {
      int port = random.nextInt(FIRST_SOURCE_PORT, 65536);
      try {
        return UdpSocket.open(namespace, settings, new TransportAddress(local, port));
      } catch (KernelException e) {
        boolean taken = e.errno() == Errno.EADDRINUSE;
        if (!taken || attempt == PORT_ATTEMPTS) {
          throw e;
        }
      }
    }
  }

  /// Says goodbye, so that the peer does not take the silence for death.
  private void end(Session session, long now) {
    session.machine.adminDown(now);
    session
        .machine
        .due(now)
        .ifPresent(packet -> {
          for (int i = 0; i < FAREWELLS; i++) {
            session.out.send(packet.bytes(), session.to, 0);
          }
        });
    session.out.close();
    byAddress.remove(session.peer.address());
    byDiscriminator.remove(session.machine.mine());
  }

  /// Every peer that is watched.
  public synchronized List<BfdStatus> peers() {
    List<BfdStatus> all = new ArrayList<>();
    byAddress.values().forEach(session -> all.add(session.status()));
    return all;
  }

  private void run() {
    ThreadPriority.raise();
    while (true) {
      int millis;
      synchronized (this) {
        if (closed) {
          return;
        }
        // All that was heard first, and the time after it: a pause of ours is no silence of theirs.
        inbound.forEach(this::drain);
        work(System.nanoTime());
        Wake next = wakes.peek();
        long nanos = next == null ? MAX_WAIT_NANOS : next.at - System.nanoTime();
        millis = (int) ((Math.clamp(nanos, 0, MAX_WAIT_NANOS) + 999_999) / 1_000_000);
      }
      readiness.await(millis, token -> {});
    }
  }

  private void drain(UdpSocket socket) {
    for (int i = 0; i < MOST_AT_ONCE; i++) {
      Datagram datagram = socket.receive();
      if (datagram == null) {
        return;
      }
      BfdPacket.read(datagram.bytes()).ifPresent(packet -> take(datagram, packet));
    }
  }

  private void take(Datagram datagram, BfdPacket packet) {
    IpAddress from = datagram.from().address();
    Session session =
        packet.yours() != 0 ? byDiscriminator.get(packet.yours()) : byAddress.get(from);
    if (session == null
        || !session.peer.address().equals(from)
        || datagram.ttl() < 256 - session.peer.hops()) {
      return;
    }
    session.machine.received(packet, System.nanoTime());
    tell(session);
    queue(session);
  }

  private void work(long now) {
    while (true) {
      Wake wake = wakes.peek();
      if (wake == null || wake.at - now > 0) {
        return;
      }
      wakes.remove();
      Session session = wake.session;
      if (session.queued == wake.at && byAddress.get(session.peer.address()) == session) {
        session.queued = Long.MAX_VALUE;
        Optional<BfdPacket> packet = session.machine.due(now);
        tell(session);
        packet.ifPresent(due -> session.out.send(due.bytes(), session.to, 0));
        queue(session);
      }
    }
  }

  private void queue(Session session) {
    long at = session.machine.wakeAt();
    if (at != Long.MAX_VALUE && (session.queued == Long.MAX_VALUE || at - session.queued < 0)) {
      session.queued = at;
      wakes.add(new Wake(at, session));
    }
  }

  private void tell(Session session) {
    BfdState state = session.machine.state();
    boolean was = session.told == BfdState.UP;
    if (was == (state == BfdState.UP)) {
      return;
    }
    session.told = state;
    if (was) {
      session.flaps++;
    }
    BfdStatus status = session.status();
    LOG.info("BFD peer {}: {}{}", status.peer(), state, was ? ", " + status.diagnostic() : "");
    try {
      listener.changed(status);
    } catch (RuntimeException e) {
      LOG.warn("What watches BFD peer {} failed", status.peer(), e);
    }
  }

  /// Tells all peers that this is on purpose, and ends.
  @Override
  public void close() {
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
      long now = System.nanoTime();
      List.copyOf(byAddress.values()).forEach(session -> end(session, now));
      readiness.wake();
    }
    boolean interrupted = false;
    while (thread.isAlive() && Thread.currentThread() != thread) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    for (int i = 0; i < inbound.size(); i++) {
      readiness.remove(i);
      inbound.get(i).close();
    }
    readiness.close();
  }
}
