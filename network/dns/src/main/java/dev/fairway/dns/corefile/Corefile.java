// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns.corefile;

import dev.fairway.dns.Caching;
import dev.fairway.dns.ClusterZone;
import dev.fairway.dns.DnsConfig;
import dev.fairway.dns.DnsOverTls;
import dev.fairway.dns.Forwarding;
import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// What a Corefile asks for.
///
/// @param port where to listen
/// @param bind at which addresses, empty for all
/// @param cluster the zone of `kubernetes`
/// @param kubeconfig how to reach the API server, if the file says it
/// @param hosts names with fixed addresses
/// @param forwarding resolvers by zone
/// @param caching what is kept of their answers
/// @param overTls whether TLS is served, too
/// @param transferTo who may have the whole zone
/// @param health where `/health` is served
/// @param lameduck for how long, when asked to end, it goes on while `/health` denies
/// @param ready where `/ready` is served
/// @param prometheus where `/metrics` is served
/// @param reload how often to look whether the file has changed
/// @param log whether each query is logged
public record Corefile(
    int port,
    List<String> bind,
    ClusterZone cluster,
    Optional<String> kubeconfig,
    Map<String, List<IpAddress>> hosts,
    Forwarding forwarding,
    Caching caching,
    Optional<DnsOverTls> overTls,
    List<Prefix> transferTo,
    Optional<InetSocketAddress> health,
    Duration lameduck,
    Optional<InetSocketAddress> ready,
    Optional<InetSocketAddress> prometheus,
    Optional<Duration> reload,
    boolean log) {

  /// Reads a file's text.
  ///
  /// @param file its name, for messages
  /// @param resolvConf reads a file in the form of resolv.conf that `forward` names; an empty list
  ///   of lines if there is none
  /// @throws InvalidCorefile on what is not understood
  public static Corefile parse(String file, String text, ResolvConf resolvConf) {
    return new CorefileReader(file, resolvConf).read(Statement.parse(file, text));
  }

  /// The lines of a file.
  @FunctionalInterface
  public interface ResolvConf {
    List<String> lines(String path);
  }

  /// Whether pods must be followed.
  public boolean needsPods() {
    return cluster.searchShortcut() || cluster.podNames() == dev.fairway.dns.PodNames.VERIFIED;
  }

  /// The server's part.
  public DnsConfig config(List<InetSocketAddress> listen) {
    return new DnsConfig(
        listen, cluster, hosts, forwarding, caching, overTls, transferTo, 250, log);
  }
}
