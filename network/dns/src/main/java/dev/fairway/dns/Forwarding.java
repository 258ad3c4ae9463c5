// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/// Who is asked for names that are not the cluster's.
///
/// @param routes resolvers by zone, of which the longest that holds the name counts; names of no
///   zone are refused
/// @param timeout how long one question to one upstream may take
/// @param concurrent how many questions may wait for upstreams at once, a quarter of them for one
///   client; more are answered with SERVFAIL
public record Forwarding(List<Route> routes, Duration timeout, int concurrent) {
  /// In which order the upstreams of a zone are asked. One that failed a moment ago comes last.
  public enum Order {
    SEQUENTIAL,
    RANDOM,
    ROUND_ROBIN
  }

  /// The resolvers of a zone: with `.` for all names, with another a stub domain.
  ///
  /// @param tls whether they are asked over TLS, all of them
  public record Route(
      String zone, List<InetSocketAddress> upstreams, Order order, Optional<UpstreamTls> tls) {
    public Route(String zone, List<InetSocketAddress> upstreams, Order order) {
      this(zone, upstreams, order, Optional.empty());
    }

    public Route {
      upstreams = List.copyOf(upstreams);
      Name.parse(zone.equals(".") ? "root" : zone);
    }

    Name zoneName() {
      return zone.equals(".") ? Name.ROOT : Name.parse(zone);
    }
  }

  public Forwarding {
    routes = routes.stream().filter(route -> !route.upstreams().isEmpty()).toList();
    if (timeout.toMillis() < 1 || concurrent < 1) {
      throw new IllegalArgumentException("DNS: the timeout or the bound of forwards is too small");
    }
  }

  /// All names to these in this order, 2 s each, 1000 at once.
  public static Forwarding to(List<InetSocketAddress> upstreams) {
    return new Forwarding(
        List.of(new Route(".", upstreams, Order.SEQUENTIAL)), Duration.ofSeconds(2), 1000);
  }
}
