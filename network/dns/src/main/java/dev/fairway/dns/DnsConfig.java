// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

import dev.fairway.net.Prefix;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.List;

/// What the DNS server is told.
///
/// @param listen where to listen, UDP and TCP both; the first one is named as the zone's name
///   server
/// @param clusterDomain usually `cluster.local`
/// @param servicePrefixes where cluster IPs come from: reverse names in them are ours
/// @param podPrefixes where pod addresses come from: reverse names in them are ours, and pod names
///   (`10-200-0-5.default.pod.cluster.local`) exist for every address in them
/// @param upstreams the resolvers that know all other names, asked in this order; if there is none,
///   other names are refused
/// @param ttl how long answers of ours may be kept, in whole seconds
/// @param upstreamTimeout how long one question to one upstream may take
/// @param cachedAnswers how many answers of upstreams are kept at most
/// @param concurrentForwards how many questions may wait for upstreams at once; more are answered
///   with SERVFAIL
/// @param concurrentConnections how many TCP connections are served at once; more are closed
public record DnsConfig(
    List<InetSocketAddress> listen,
    String clusterDomain,
    List<Prefix> servicePrefixes,
    List<Prefix> podPrefixes,
    List<InetSocketAddress> upstreams,
    Duration ttl,
    Duration upstreamTimeout,
    int cachedAnswers,
    int concurrentForwards,
    int concurrentConnections) {
  public DnsConfig {
    listen = List.copyOf(listen);
    servicePrefixes = List.copyOf(servicePrefixes);
    podPrefixes = List.copyOf(podPrefixes);
    upstreams = List.copyOf(upstreams);
    if (listen.isEmpty()) {
      throw new IllegalArgumentException("DNS: listen names no address");
    }
    if (Name.parse(clusterDomain).isRoot()) {
      throw new IllegalArgumentException("DNS: clusterDomain is the root; use cluster.local");
    }
    for (InetSocketAddress upstream : upstreams) {
      if (listen.contains(upstream)) {
        throw new IllegalArgumentException(
            "DNS: upstream " + upstream + " is this server itself; name another resolver");
      }
    }
    if (ttl.isNegative() || upstreamTimeout.toMillis() < 1) {
      throw new IllegalArgumentException("DNS: ttl or upstreamTimeout is too short");
    }
    if (cachedAnswers < 0 || concurrentForwards < 1 || concurrentConnections < 1) {
      throw new IllegalArgumentException("DNS: a bound is too small");
    }
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
        clusterDomain,
        servicePrefixes,
        podPrefixes,
        upstreams,
        Duration.ofSeconds(5),
        Duration.ofSeconds(2),
        10_000,
        1000,
        250);
  }
}
