// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.bgp;

import dev.fairway.bgp.BestRoute;
import dev.fairway.bgp.RoutesDelta;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.NextHop;
import dev.fairway.linux.NextHopRoutes;
import dev.fairway.linux.Route;
import dev.fairway.linux.RouteNetlink;
import dev.fairway.linux.RouteSet;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.locks.ReentrantLock;

/// The best routes in the kernel. Knows what it has put there, so a change costs what changed.
///
/// Changes exclude one another. A death does not wait for them but only for the kernel, between two
/// batches of a large change.
final class KernelRoutes implements AutoCloseable {
  /// Our number among the makers of routes.
  static final int PROTOCOL = 86;

  /// Anything but 0, which is what administrators' and the kernel's own routes have: those win.
  static final int METRIC = 32;

  private static final int FIRST_ID = 860_000_000;
  private static final int LOOK_AT_ALL_BELOW = 20_000;
  private static final int MOST_PROBLEMS = 20;

  /// Where a packet goes next, on a link of ours.
  private record Hop(IpAddress address, int link, boolean onlink) {}

  /// What became of a next hop that was told.
  private sealed interface Way {
    /// Packets go there by the next hop of this number.
    record Open(int id) implements Way {}

    record Closed(String why) implements Way {}
  }

  /// Whose turn it is with the kernel, in the order of coming; guards what is known of next hops.
  private final ReentrantLock turn = new ReentrantLock(true);

  private final RouteNetlink links;
  private final NextHopRoutes kernel;
  private final Map<Hop, Integer> gateways = new HashMap<>();
  private final Map<List<Integer>, Integer> groups = new HashMap<>();

  /// What the kernel should hold, and holds unless somebody else took it.
  private final Map<Integer, NextHop> nextHops = new TreeMap<>();

  private final Map<Prefix, Integer> installed = new HashMap<>();
  private final Map<Integer, Integer> uses = new HashMap<>();

  /// Routes of a former life that nobody has told yet.
  private final Set<Prefix> stale = new HashSet<>();

  /// Groups that were cut short before the speaker knew why.
  private final Set<Integer> shortened = new HashSet<>();

  private final Map<Prefix, String> problems = new LinkedHashMap<>();

  /// Routes that had no way when they came, or that the kernel refused; a link may come later.
  private final Map<Prefix, BestRoute> waiting = new HashMap<>();

  private int nextId = FIRST_ID;

  KernelRoutes(NetworkNamespace machine) {
    links = RouteNetlink.open(machine);
    kernel = NextHopRoutes.open(machine, new RouteSet(Route.TABLE_MAIN, PROTOCOL, METRIC));
    for (NextHop hop : kernel.nextHops()) {
      adopt(hop);
    }
    kernel.routes().forEach(this::use);
    stale.addAll(installed.keySet());
  }

  private void adopt(NextHop hop) {
    nextHops.put(hop.id(), hop);
    nextId = Math.max(nextId, hop.id() + 1);
    switch (hop) {
      case NextHop.Gateway gateway ->
          gateways.put(new Hop(gateway.address(), gateway.link(), gateway.onlink()), gateway.id());
      case NextHop.Group group -> groups.put(sorted(group.members()), group.id());
    }
  }

  private static List<Integer> sorted(List<Integer> members) {
    return members.stream().sorted().toList();
  }

  /// Whether an earlier life left routes.
  synchronized boolean hasStale() {
    return !stale.isEmpty();
  }

  synchronized int size() {
    return installed.size();
  }

  synchronized boolean has(List<Prefix> prefixes) {
    return installed.keySet().containsAll(prefixes);
  }

  synchronized List<Prefix> prefixes() {
    return List.copyOf(installed.keySet());
  }

  /// What could not be put into the kernel, and why.
  synchronized List<String> problems() {
    List<String> all = new ArrayList<>();
    for (Map.Entry<Prefix, String> problem : problems.entrySet()) {
      if (all.size() == MOST_PROBLEMS) {
        all.add("BGP: and " + (problems.size() - MOST_PROBLEMS) + " more routes have no way");
        break;
      }
      all.add("BGP route " + problem.getKey() + ": " + problem.getValue());
    }
    return all;
  }

  /// Carries a change into the kernel: new next hops, then routes to them, then removals.
  synchronized void apply(RoutesDelta delta) {
    inTurn(() -> change(delta));
  }

  private void inTurn(Runnable work) {
    turn.lock();
    try {
      work.run();
    } finally {
      turn.unlock();
    }
  }

  private void change(RoutesDelta delta) {
    Map<IpAddress, Way> ways = new HashMap<>();
    Map<Integer, NextHop> fresh = new TreeMap<>();
    Map<Prefix, Integer> puts = new LinkedHashMap<>();
    List<Prefix> deletes = new ArrayList<>();
    Set<Prefix> told = delta.full() ? new HashSet<>(delta.best().size() * 2) : Set.of();
    for (BestRoute route : delta.best()) {
      Prefix prefix = route.prefix();
      stale.remove(prefix);
      if (delta.full()) {
        told.add(prefix);
      }
      plan(route, ways, fresh, puts, deletes);
    }
    for (Prefix prefix : delta.gone()) {
      waiting.remove(prefix);
      problems.remove(prefix);
      remove(prefix, deletes);
    }
    if (delta.full()) {
      waiting.keySet().retainAll(told);
      problems.keySet().retainAll(told);
      for (Prefix prefix : List.copyOf(installed.keySet())) {
        if (!told.contains(prefix) && !stale.contains(prefix)) {
          remove(prefix, deletes);
        }
      }
    }
    if (delta.settled()) {
      stale.forEach(prefix -> remove(prefix, deletes));
      stale.clear();
    }
    carryOut(fresh, puts, deletes);
  }

  private void plan(
      BestRoute route,
      Map<IpAddress, Way> ways,
      Map<Integer, NextHop> fresh,
      Map<Prefix, Integer> puts,
      List<Prefix> deletes) {
    Prefix prefix = route.prefix();
    Set<Integer> members = new TreeSet<>();
    String why = "an IPv6 route needs an IPv6 next hop";
    for (BestRoute.NextHop next : route.nextHops()) {
      if (prefix.family() == IpFamily.IPV6 && next.address().family() == IpFamily.IPV4) {
        continue; // no kernel can
      }
      switch (ways.computeIfAbsent(next.address(), a -> way(a, next.peer()))) {
        case Way.Open(int id) -> members.add(id);
        case Way.Closed(String reason) -> why = reason;
      }
    }
    if (members.isEmpty()) {
      problems.put(prefix, why);
      waiting.put(prefix, route);
      remove(prefix, deletes);
      return;
    }
    problems.remove(prefix);
    int id = id(List.copyOf(members), fresh);
    Integer before = installed.get(prefix);
    if (before == null || before != id) {
      waiting.put(prefix, route); // until the kernel has taken it
      puts.put(prefix, id);
    } else {
      waiting.remove(prefix);
    }
  }

  private void remove(Prefix prefix, List<Prefix> deletes) {
    if (installed.containsKey(prefix)) {
      deletes.add(prefix);
    }
  }

  private void carryOut(
      Map<Integer, NextHop> fresh, Map<Prefix, Integer> puts, List<Prefix> deletes) {
    // Gateways have smaller numbers than groups of them.
    Map<Integer, String> lost = kernel.put(fresh.values());
    fresh.forEach((id, hop) -> {
      if (!lost.containsKey(id)) {
        nextHops.put(id, hop);
        shortened.remove(id);
      } else if (!nextHops.containsKey(id)) {
        forget(id); // and routes that name it are refused with it
      }
    });
    Map<Prefix, String> refused =
        kernel.change(
            puts,
            deletes,
            () -> {
              turn.unlock();
              turn.lock();
            });
    problems.putAll(refused);
    puts.forEach((prefix, id) -> {
      if (!refused.containsKey(prefix)) {
        waiting.remove(prefix);
        use(prefix, id);
      }
    });
    for (Prefix prefix : deletes) {
      Integer before = installed.remove(prefix);
      if (before != null) {
        uses.merge(before, -1, Integer::sum);
      }
    }
    prune();
  }

  private void use(Prefix prefix, int id) {
    Integer before = installed.put(prefix, id);
    if (before != null) {
      uses.merge(before, -1, Integer::sum);
    }
    uses.merge(id, 1, Integer::sum);
  }

  /// Deletes next hops that no route uses, groups before their members.
  private void prune() {
    Set<Integer> needed = new HashSet<>();
    List<Integer> unused = new ArrayList<>();
    for (NextHop hop : nextHops.values()) {
      if (uses.getOrDefault(hop.id(), 0) > 0) {
        needed.add(hop.id());
        if (hop instanceof NextHop.Group group) {
          needed.addAll(group.members());
        }
      }
    }
    for (NextHop hop : nextHops.values()) {
      if (!needed.contains(hop.id())) {
        unused.add(hop instanceof NextHop.Group ? 0 : unused.size(), hop.id());
      }
    }
    kernel.delete(unused);
    unused.forEach(this::forget);
  }

  private void forget(Integer id) {
    nextHops.remove(id);
    uses.remove(id);
    shortened.remove(id);
    gateways.values().remove(id);
    groups.values().remove(id);
  }

  /// The next hop in the kernel, made if it is new. The kernel refuses what no neighbour can be,
  /// such as an address of ours or that of a broadcast; then it is tried again with the next
  /// change.
  private Way way(IpAddress address, IpAddress peer) {
    Optional<Hop> resolved = resolve(address, peer);
    if (resolved.isEmpty()) {
      return new Way.Closed("no link leads to next hop " + address);
    }
    Hop hop = resolved.get();
    Integer known = gateways.get(hop);
    if (known != null) {
      return new Way.Open(known);
    }
    NextHop.Gateway made =
        new NextHop.Gateway(nextId++, PROTOCOL, hop.address, hop.link, hop.onlink);
    String refused = kernel.put(List.of(made)).get(made.id());
    if (refused != null) {
      return new Way.Closed("next hop " + address + ": " + refused);
    }
    gateways.put(hop, made.id());
    nextHops.put(made.id(), made);
    return new Way.Open(made.id());
  }

  /// The number of the next hop that stands for these, in order.
  private int id(List<Integer> members, Map<Integer, NextHop> fresh) {
    if (members.size() == 1) {
      return members.getFirst();
    }
    Integer known = groups.get(members);
    if (known == null) {
      known = nextId++;
      groups.put(members, known);
      fresh.put(known, new NextHop.Group(known, PROTOCOL, members));
    } else if (shortened.contains(known)) {
      fresh.put(known, new NextHop.Group(known, PROTOCOL, members));
    }
    return known;
  }

  /// The way to a next hop: itself on a link of ours, or the router that leads to it. Never by a
  /// route that was learned itself.
  private Optional<Hop> resolve(IpAddress address, IpAddress peer) {
    if (address.isLinkLocal()) {
      return links
          .routeTo(peer)
          .filter(route -> route.gateway() == null)
          .map(route -> new Hop(address, route.link(), false));
    }
    return links
        .routeTo(address)
        .filter(route -> route.protocol() != PROTOCOL && route.link() != 0)
        .map(route ->
            new Hop(
                route.gateway() == null ? address : route.gateway(), route.link(), route.onlink()));
  }

  /// Sends nothing more by way of a neighbour, where there are others. Does not wait for the
  /// speaker to find new best routes; it will, and then all is as it says.
  void dead(IpAddress neighbour) {
    inTurn(() -> shorten(neighbour));
  }

  private void shorten(IpAddress neighbour) {
    Set<Integer> ids = new HashSet<>();
    gateways.forEach((hop, id) -> {
      if (hop.address.equals(neighbour)) {
        ids.add(id);
      }
    });
    List<NextHop> cut = new ArrayList<>();
    for (NextHop hop : nextHops.values()) {
      if (hop instanceof NextHop.Group group) {
        List<Integer> left =
            group.members().stream().filter(member -> !ids.contains(member)).toList();
        if (!left.isEmpty() && left.size() < group.members().size()) {
          cut.add(new NextHop.Group(group.id(), PROTOCOL, left));
        }
      }
    }
    Map<Integer, String> refused = kernel.put(cut);
    for (NextHop hop : cut) {
      if (!refused.containsKey(hop.id())) {
        nextHops.put(hop.id(), hop);
        shortened.add(hop.id());
      }
    }
  }

  /// Looks whether the kernel still has it all: a link that went down takes its next hops along,
  /// and with them their routes. Tries again what had no way.
  synchronized void check() {
    inTurn(this::compare);
  }

  private void compare() {
    Map<Integer, NextHop> found = new HashMap<>();
    kernel.nextHops().forEach(hop -> found.put(hop.id(), hop));
    Map<Integer, NextHop> fresh = new TreeMap<>();
    nextHops.forEach((id, hop) -> {
      if (!hop.equals(found.get(id))) {
        fresh.put(id, hop);
      }
    });
    Map<Prefix, Integer> puts = new LinkedHashMap<>();
    if (!fresh.isEmpty() || installed.size() < LOOK_AT_ALL_BELOW) {
      Map<Prefix, Integer> routes = kernel.routes();
      installed.forEach((prefix, id) -> {
        if (!id.equals(routes.get(prefix))) {
          puts.put(prefix, id);
        }
      });
    }
    Map<IpAddress, Way> ways = new HashMap<>();
    List<Prefix> deletes = new ArrayList<>();
    for (BestRoute route : List.copyOf(waiting.values())) {
      plan(route, ways, fresh, puts, deletes);
    }
    carryOut(fresh, puts, deletes);
  }

  /// Leaves everything where it is: packets go on.
  @Override
  public synchronized void close() {
    inTurn(() -> {
      kernel.close();
      links.close();
    });
  }
}
