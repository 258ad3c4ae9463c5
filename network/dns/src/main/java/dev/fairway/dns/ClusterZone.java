// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

import dev.fairway.net.Prefix;
import java.time.Duration;
import java.util.List;

/// Which names the cluster itself answers for.
///
/// @param domain usually `cluster.local`
/// @param servicePrefixes where cluster IPs come from: reverse names in them are ours
/// @param podPrefixes where pod addresses come from: reverse names in them are ours, and pod names
///   (`10-200-0-5.default.pod.cluster.local`) can exist for addresses in them
/// @param podNames which pod names exist
/// @param ttl how long answers may be kept, in whole seconds
/// @param fallthrough zones of which a name that we do not know may be asked of the upstreams
/// @param searchShortcut whether a pod that asks for `www.example.org.default.svc.cluster.local`,
///   the first name its search path makes, gets what the rest of the path would end with; works for
///   clients whose pod is followed, no others
/// @param hostSearch what stands in pods' search paths behind the cluster's three domains
public record ClusterZone(
    String domain,
    List<Prefix> servicePrefixes,
    List<Prefix> podPrefixes,
    PodNames podNames,
    Duration ttl,
    List<String> fallthrough,
    boolean searchShortcut,
    List<String> hostSearch) {
  public ClusterZone {
    servicePrefixes = List.copyOf(servicePrefixes);
    podPrefixes = List.copyOf(podPrefixes);
    fallthrough = List.copyOf(fallthrough);
    hostSearch = List.copyOf(hostSearch);
    if (Name.parse(domain).isRoot()) {
      throw new IllegalArgumentException(
          "DNS: the cluster's domain is the root; use cluster.local");
    }
    if (ttl.isNegative() || ttl.toSeconds() > Integer.MAX_VALUE) {
      throw new IllegalArgumentException("DNS: ttl is no number of seconds that fits a record");
    }
  }

  /// TTL 5 s, pod names for all addresses of the pod prefixes, no fallthrough, no shortcut.
  public static ClusterZone of(
      String domain, List<Prefix> servicePrefixes, List<Prefix> podPrefixes) {
    return new ClusterZone(
        domain,
        servicePrefixes,
        podPrefixes,
        PodNames.INSECURE,
        Duration.ofSeconds(5),
        List.of(),
        false,
        List.of());
  }

  /// The same with the shortcut.
  public ClusterZone withSearchShortcut(List<String> hostSearch) {
    return new ClusterZone(
        domain, servicePrefixes, podPrefixes, podNames, ttl, fallthrough, true, hostSearch);
  }

  int ttlSeconds() {
    return Math.toIntExact(ttl.toSeconds());
  }
}
