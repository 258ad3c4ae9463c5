// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp;

import dev.fairway.net.Prefix;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;

/// A listener that remembers.
final class Routes implements RoutesListener {
  private final Map<Prefix, BestRoute> routes = new HashMap<>();
  private boolean settled;
  private int lost;

  @Override
  public synchronized void changed(RoutesDelta delta) {
    if (delta.full()) {
      routes.clear();
    }
    delta.best().forEach(route -> routes.put(route.prefix(), route));
    delta.gone().forEach(routes::remove);
    lost += delta.gone().size();
    settled = delta.settled();
  }

  synchronized int size() {
    return routes.size();
  }

  /// How often a prefix was gone.
  synchronized int lost() {
    return lost;
  }

  synchronized boolean settled() {
    return settled;
  }

  synchronized BestRoute get(String prefix) {
    return Objects.requireNonNull(routes.get(Prefix.parse(prefix)), prefix);
  }

  synchronized boolean has(String prefix) {
    return routes.containsKey(Prefix.parse(prefix));
  }
}
