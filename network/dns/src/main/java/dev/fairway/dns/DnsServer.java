// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

import dev.fairway.net.IpAddress;
import dev.fairway.reconcile.Change;
import dev.fairway.reconcile.ObjectKey;
import dev.fairway.reconcile.Subscriber;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSlice;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The cluster's DNS server. Start it in the network namespace it shall serve, and give its
/// [#subscriber] to a follower of Services and EndpointSlices; until the first delta has come,
/// names of the cluster are answered with SERVFAIL and other names are forwarded already.
public final class DnsServer implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(DnsServer.class);

  private final ZoneFollower follower;
  private final Forwarder forwarder;
  private final DnsCounts counts;
  private final List<UdpListener> udp = new ArrayList<>();
  private final List<TcpListener> tcp = new ArrayList<>();
  private final List<TcpListener> tls = new ArrayList<>();

  private DnsServer(DnsConfig config) {
    ClientPods clients = new ClientPods();
    ClusterNames names = new ClusterNames(config, clients);
    IpAddress first = IpAddress.ofBytes(config.listen().getFirst().getAddress().getAddress());
    follower =
        new ZoneFollower(
            names.services(), config.cluster().ttlSeconds(), names.fixed(first), clients);
    try {
      forwarder = new Forwarder(config);
    } catch (IOException e) {
      throw new UncheckedIOException(String.valueOf(e.getMessage()), e);
    }
    counts = new DnsCounts(config.listen().getFirst().getPort());
    Answering answering = new Answering(names, follower::zone, forwarder, counts, config.log());
    try {
      if (config.overTls().isPresent()) {
        listenOverTls(config, config.overTls().get(), answering);
      }
      for (InetSocketAddress address : config.listen()) {
        UdpListener listener = UdpListener.open(address, answering);
        udp.add(listener);
        // Port 0 picks one for UDP; TCP then takes the same.
        tcp.add(
            TcpListener.open(listener.address(), null, answering, config.concurrentConnections()));
      }
    } catch (IOException | RuntimeException e) {
      close();
      throw e instanceof IOException io
          ? new UncheckedIOException(
              "DNS cannot listen at " + config.listen() + ": " + io.getMessage(), io)
          : new IllegalArgumentException("DNS cannot listen at " + config.listen(), e);
    }
  }

  private void listenOverTls(DnsConfig config, DnsOverTls overTls, Answering answering)
      throws IOException {
    TlsIdentity identity = new TlsIdentity(overTls);
    for (InetSocketAddress address : config.listen()) {
      InetSocketAddress at = new InetSocketAddress(address.getAddress(), overTls.port());
      tls.add(TcpListener.open(at, identity, answering, config.concurrentConnections()));
    }
  }

  /// Binds all addresses and serves.
  ///
  /// @throws UncheckedIOException if an address cannot be bound; none is then
  public static DnsServer start(DnsConfig config) {
    DnsServer server = new DnsServer(config);
    server.udp.forEach(UdpListener::start);
    server.tcp.forEach(TcpListener::start);
    server.tls.forEach(TcpListener::start);
    LOG.info(
        "DNS for {} at {}, other names from {}",
        config.cluster().domain(),
        server.addresses(),
        config.forwarding().routes());
    return server;
  }

  /// What follows `Service` and `EndpointSlice`, and `Pod` for the search path shortcut and
  /// verified pod names; other kinds are not looked at.
  public Subscriber subscriber() {
    return follower;
  }

  /// Knows these and nothing else, for callers that follow the cluster by themselves; not to be
  /// mixed with [#subscriber].
  public void set(
      Collection<Service> services, Collection<EndpointSlice> slices, Collection<Pod> pods) {
    follower.changedPods(true, appeared(pods));
    follower.changed(true, appeared(services), appeared(slices));
  }

  private static <T extends HasMetadata> Map<ObjectKey, Change<T>> appeared(Collection<T> objects) {
    Map<ObjectKey, Change<T>> changes = new HashMap<>();
    for (T object : objects) {
      changes.put(ObjectKey.of(object), new Change<>(Optional.empty(), Optional.of(object)));
    }
    return changes;
  }

  /// Whether the cluster's names are known.
  public boolean isReady() {
    return follower.zone() != null;
  }

  /// What was asked and answered, in the Prometheus text format with CoreDNS's names.
  public String metrics() {
    Zone zone = follower.zone();
    return counts.text(forwarder, zone == null ? 0 : zone.size());
  }

  /// Where it listens, with the ports picked for port 0.
  public List<InetSocketAddress> addresses() {
    return udp.stream().map(UdpListener::address).toList();
  }

  /// Where it listens for TLS.
  public List<InetSocketAddress> tlsAddresses() {
    return tls.stream().map(TcpListener::address).toList();
  }

  /// Stops listening. Questions at upstreams end unanswered.
  @Override
  public void close() {
    udp.forEach(UdpListener::close);
    tcp.forEach(TcpListener::close);
    tls.forEach(TcpListener::close);
    forwarder.close();
  }
}
