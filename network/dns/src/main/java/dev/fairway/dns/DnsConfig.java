// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// What the DNS server is told.
///
/// @param listen where to listen, UDP and TCP both; the first one is named as the zone's name
///   server
/// @param cluster the names of the cluster
/// @param hosts names with fixed addresses, before all others
/// @param forwarding who knows the rest
/// @param caching what is kept of what they said
/// @param overTls whether TLS is served, too
/// @param transferTo who may have the whole zone (AXFR)
/// @param concurrentConnections how many TCP connections are served at once, an eighth of them for
///   one client
/// @param log whether each answer is logged
public record DnsConfig(
    List<InetSocketAddress> listen,
    ClusterZone cluster,
    Map<String, List<IpAddress>> hosts,
    Forwarding forwarding,
    Caching caching,
    Optional<DnsOverTls> overTls,
    List<Prefix> transferTo,
    int concurrentConnections,
    boolean log) {
  public DnsConfig {
    listen = List.copyOf(listen);
    hosts = Map.copyOf(hosts);
    transferTo = List.copyOf(transferTo);
    if (listen.isEmpty()) {
      throw new IllegalArgumentException("DNS: listen names no address");
    }
    for (Forwarding.Route route : forwarding.routes()) {
      for (InetSocketAddress upstream : route.upstreams()) {
        if (isOwn(upstream, listen, overTls)) {
          throw new IllegalArgumentException(
              "DNS: upstream " + upstream + " is this server itself; name another resolver");
        }
      }
    }
    if (concurrentConnections < 1) {
      throw new IllegalArgumentException("DNS: concurrentConnections is less than 1");
    }
  }

  private static boolean isOwn(
      InetSocketAddress upstream, List<InetSocketAddress> listen, Optional<DnsOverTls> overTls) {
    for (InetSocketAddress own : listen) {
      boolean ownPort =
          own.getPort() == upstream.getPort()
              || overTls.stream().anyMatch(tls -> tls.port() == upstream.getPort());
      boolean everywhere =
          own.getAddress().isAnyLocalAddress() && upstream.getAddress().isLoopbackAddress();
      if (ownPort && (everywhere || own.getAddress().equals(upstream.getAddress()))) {
        return true;
      }
    }
    return false;
  }

  /// The usual bounds: TTL 5 s, 2 s an upstream, 10,000 answers, 1000 forwards, 250 connections.
  public static DnsConfig of(
      List<InetSocketAddress> listen,
      String clusterDomain,
      List<Prefix> servicePrefixes,
      List<Prefix> podPrefixes,
      List<InetSocketAddress> upstreams) {
    return new DnsConfig(
        listen,
        ClusterZone.of(clusterDomain, servicePrefixes, podPrefixes),
        Map.of(),
        Forwarding.to(upstreams),
        Caching.usual(),
        Optional.empty(),
        List.of(),
        250,
        false);
  }

  public DnsConfig withCluster(ClusterZone other) {
    return new DnsConfig(
        listen, other, hosts, forwarding, caching, overTls, transferTo, concurrentConnections, log);
  }

  public DnsConfig withForwarding(Forwarding other) {
    return new DnsConfig(
        listen, cluster, hosts, other, caching, overTls, transferTo, concurrentConnections, log);
  }

  public DnsConfig withCaching(Caching other) {
    return new DnsConfig(
        listen, cluster, hosts, forwarding, other, overTls, transferTo, concurrentConnections, log);
  }

  public DnsConfig withTls(DnsOverTls other) {
    return new DnsConfig(
        listen,
        cluster,
        hosts,
        forwarding,
        caching,
        Optional.of(other),
        transferTo,
        concurrentConnections,
        log);
  }

  public DnsConfig withTransferTo(List<Prefix> others) {
    return new DnsConfig(
        listen, cluster, hosts, forwarding, caching, overTls, others, concurrentConnections, log);
  }
}
