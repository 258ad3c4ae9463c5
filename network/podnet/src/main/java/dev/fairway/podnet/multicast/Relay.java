// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.multicast;

import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.PacketSocket;
import dev.fairway.linux.Readiness;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.MacAddress;
import dev.fairway.podnet.attach.PodLink;
import dev.fairway.podnet.attach.Wire;
import dev.fairway.podnet.nodes.ClusterNode;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Takes packets to groups in and hands them out, with a thread of its own. Safe for use by many
/// threads.
final class Relay implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Relay.class);
  private static final long QUERY_EVERY = Duration.ofSeconds(60).toNanos();

  /// Two queries unanswered, and the time to answer (RFC 3376 8.4).
  private static final long REMEMBERED = Duration.ofSeconds(130).toNanos();

  private static final int PACKETS_OF_A_POD = 2_000;
  private static final int COPIES = 20_000;
  private static final int ETHERNET_BYTES = 14;
  private static final int BATCH = 64;

  /// Another node, and the groups it has members of.
  record Peer(ClusterNode node, Set<IpAddress> groups) {}

  private record Pod(MacAddress mac, List<IpAddress> addresses, Allowance allowance) {}

  private final Readiness readiness = new Readiness();
  private final Map<IpFamily, PacketSocket> sockets = new EnumMap<>(IpFamily.class);
  private final PeerChannels channels;
  private final Runnable changed;
  private final Thread thread;
  private volatile boolean closed;

  // All below are guarded by this.
  private final Map<Integer, Pod> pods = new HashMap<>();
  private final Members members = new Members();
  private final Map<IpAddress, Peer> peers = new HashMap<>();
  private final Map<IpAddress, List<IpAddress>> destinations = new HashMap<>();
  private final Allowance copies = new Allowance(COPIES, System.nanoTime());
  private final Telling telling = new Telling(System.nanoTime());
  private long handedOut;
  private long toNodes;
  private long tooMany;

  private Relay(NetworkNamespace machine, Runnable changed) {
    this.changed = changed;
    channels = new PeerChannels(machine, this::fromNode);
    try {
      for (IpFamily family : IpFamily.values()) {
        PacketSocket socket = PacketSocket.ofGroups(machine, family);
        sockets.put(family, socket);
        readiness.add(socket, token(family));
      }
    } catch (RuntimeException e) {
      sockets.values().forEach(PacketSocket::close);
      readiness.close();
      throw e;
    }
    thread = Thread.ofPlatform().name("podnet-multicast").daemon(true).unstarted(this::run);
  }

  static Relay start(NetworkNamespace machine, List<PodLink> links, Runnable changed) {
    Relay relay = new Relay(machine, changed);
    relay.links(links);
    relay.thread.start();
    return relay;
  }

  /// The pods that are connected, all of them.
  synchronized void links(List<PodLink> all) {
    Map<Integer, PodLink> found = new HashMap<>();
    all.forEach(link -> found.put(link.index(), link));
    pods.keySet().retainAll(found.keySet());
    found.values().forEach(this::connected);
    members.keep(pods.keySet(), System.nanoTime());
  }

  synchronized void connected(PodLink link) {
    Pod before = pods.get(link.index());
    Allowance allowance =
        before == null ? new Allowance(PACKETS_OF_A_POD, System.nanoTime()) : before.allowance;
    pods.put(link.index(), new Pod(link.mac(), link.addresses(), allowance));
  }

  synchronized void disconnecting(List<IpAddress> addresses) {
    pods.values().removeIf(pod -> pod.addresses.stream().anyMatch(addresses::contains));
    members.keep(pods.keySet(), System.nanoTime());
    readiness.wake();
  }

  void nodes(ClusterNode me, Collection<Peer> all) {
    synchronized (this) {
      peers.clear();
      destinations.clear();
      for (Peer peer : all) {
        peer.node().addresses().forEach(address -> peers.put(address, peer));
        Optional<IpAddress> to =
            peer.node().addresses().stream()
                .filter(address -> me.address(address.family()).isPresent())
                .findFirst();
        for (IpAddress group : peer.groups()) {
          to.ifPresent(
              address -> destinations.computeIfAbsent(group, _ -> new ArrayList<>()).add(address));
        }
      }
    }
    channels.bind(me.addresses());
  }

  /// That the cluster is to know of.
  synchronized List<IpAddress> groups() {
    return telling.groups();
  }

  synchronized Map<String, Long> packets() {
    Map<String, Long> packets = new LinkedHashMap<>();
    packets.put("multicast-to-pods", handedOut);
    packets.put("multicast-to-nodes", toNodes);
    packets.put("multicast-too-many", tooMany);
    return packets;
  }

  private void run() {
    long nextQuery = System.nanoTime();
    while (!closed) {
      try {
        long now = System.nanoTime();
        if (nextQuery - now <= 0) {
          query();
          nextQuery = now + QUERY_EVERY;
        }
        long wait = tell(now, nextQuery - now);
        readiness.await((int) (wait / 1_000_000) + 1, this::take);
      } catch (RuntimeException e) {
        LOG.warn("Multicast: a packet is lost: {}", e.toString());
      }
    }
  }

  private synchronized void query() {
    members.keep(pods.keySet(), System.nanoTime());
    for (IpFamily family : IpFamily.values()) {
      byte[] frame = GroupPacket.query(family, Wire.gateway(family)).frame(Wire.HOST_MAC);
      pods.forEach((link, pod) -> {
        if (pod.addresses.stream().anyMatch(address -> address.family() == family)) {
          send(family, frame, link);
        }
      });
    }
  }

  /// Has other groups told to the cluster, and says how long to wait at most.
  private long tell(long now, long wait) {
    synchronized (this) {
      List<IpAddress> groups = members.groups();
      long before = telling.wait(groups, now);
      if (before > 0) {
        return Math.min(wait, before);
      }
      telling.told(groups, now);
    }
    changed.run();
    return wait;
  }

  private static long token(IpFamily family) {
    return family.addressBits();
  }

  private void take(long token) {
    PacketSocket socket =
        sockets.get(token == token(IpFamily.IPV4) ? IpFamily.IPV4 : IpFamily.IPV6);
    for (int i = 0; i < BATCH && socket != null; i++) {
      PacketSocket.Frame frame = socket.receive();
      if (frame == null) {
        return;
      }
      GroupPacket.read(frame.bytes(), ETHERNET_BYTES).ifPresent(packet -> fromLink(frame, packet));
    }
  }

  private void fromLink(PacketSocket.Frame frame, GroupPacket packet) {
    List<IpAddress> to;
    synchronized (this) {
      Pod pod = pods.get(frame.link());
      MacAddress mac =
          MacAddress.ofBytes(
              Arrays.copyOfRange(frame.bytes(), MacAddress.BYTES, 2 * MacAddress.BYTES));
      if (pod == null || !pod.mac.equals(mac)) {
        return;
      }
      long now = System.nanoTime();
      if (!pod.allowance.take(now)) {
        tooMany++;
        return;
      }
      if (GroupReport.isOne(packet)) {
        // By a link-local address or, before there is one, by none (RFC 3810 5.2.13).
        GroupReport.read(packet)
            .forEach(report -> members.said(frame.link(), report, now + REMEMBERED));
        return;
      }
      if (!GroupPacket.isWide(packet.group()) || !pod.addresses.contains(packet.source())) {
        return;
      }
      handOut(packet, frame.link(), now);
      to = List.copyOf(destinations.getOrDefault(packet.group(), List.of()));
    }
    for (IpAddress node : to) {
      boolean sent = mayCopy() && channels.send(packet.bytes(), node);
      count(sent);
    }
  }

  private synchronized boolean mayCopy() {
    return copies.take(System.nanoTime());
  }

  private synchronized void count(boolean sent) {
    if (sent) {
      toNodes++;
    } else {
      tooMany++;
    }
  }

  /// What another machine sent, if it is a node that may.
  private synchronized void fromNode(IpAddress from, byte[] bytes, int at) {
    Peer peer = peers.get(from);
    Optional<GroupPacket> packet = peer == null ? Optional.empty() : GroupPacket.read(bytes, at);
    if (packet.isEmpty()
        || GroupReport.isOne(packet.get())
        || !GroupPacket.isWide(packet.get().group())) {
      return;
    }
    IpAddress source = packet.get().source();
    if (peer != null && peer.node().ranges().stream().anyMatch(range -> range.contains(source))) {
      handOut(packet.get(), 0, System.nanoTime());
    }
  }

  private synchronized void handOut(GroupPacket packet, int except, long now) {
    byte @Nullable [] frame = null;
    for (int link : members.links(packet.group())) {
      if (link == except) {
        continue;
      }
      if (!copies.take(now)) {
        tooMany++;
        return;
      }
      frame = frame == null ? packet.frame(Wire.HOST_MAC) : frame;
      if (send(packet.family(), frame, link)) {
        handedOut++;
      }
    }
  }

  /// A pod that is on its way out, or takes only smaller packets, goes without.
  private boolean send(IpFamily family, byte[] frame, int link) {
    PacketSocket socket = sockets.get(family);
    return socket != null && !closed && socket.send(frame, link) == 0;
  }

  @Override
  public void close() {
    closed = true;
    readiness.wake();
    channels.close();
    boolean interrupted = Thread.interrupted();
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    synchronized (this) {
      sockets.values().forEach(PacketSocket::close);
      sockets.clear();
      readiness.close();
    }
  }
}
