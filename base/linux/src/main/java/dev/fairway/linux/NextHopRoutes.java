// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

import dev.fairway.linux.NetlinkSocket.Answer;
import dev.fairway.net.Prefix;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// Routes by the hundred thousand, by next hop objects: sent thousands at a time over one socket,
/// and only what fails is answered. One user at a time.
public final class NextHopRoutes implements AutoCloseable {
  /// Failures of one send must fit the socket's receive buffer.
  private static final int MOST_MESSAGES = 4000;

  private final NetlinkSocket socket;
  private final RouteSet set;

  private NextHopRoutes(NetlinkSocket socket, RouteSet set) {
    this.socket = socket;
    this.set = set;
  }

  /// Works on the given namespace.
  public static NextHopRoutes open(NetworkNamespace namespace, RouteSet set) {
    return new NextHopRoutes(NetlinkSocket.open(namespace, NetlinkSocket.ROUTE), set);
  }

  /// Makes or replaces next hops, in order: gateways before groups of them. Routes that use one
  /// that is replaced go the new way at once. One that the kernel refuses does not keep the rest
  /// from being made.
  ///
  /// @return the numbers of what was refused, and why
  public Map<Integer, String> put(Collection<? extends NextHop> hops) {
    Map<Integer, String> refused = new LinkedHashMap<>();
    if (hops.isEmpty()) {
      return refused;
    }
    NetlinkWriter out = socket.writer(hops.size() * 64 + 64);
    List<NextHop> all = List.copyOf(hops);
    all.forEach(hop -> NextHopWire.put(out, hop));
    for (Answer answer : socket.exchange(out)) {
      if (answer.errno() != 0) {
        refused.put(all.get(answer.message()).id(), why(answer));
      }
    }
    return refused;
  }

  private static String why(Answer answer) {
    String name = Errno.name(answer.errno());
    return answer.reason().isEmpty() ? name : name + ", " + answer.reason();
  }

  /// Deletes next hops, and with them routes that still use them. An absent one is fine.
  public void delete(Collection<Integer> ids) {
    if (ids.isEmpty()) {
      return;
    }
    NetlinkWriter out = socket.writer(ids.size() * 40 + 64);
    ids.forEach(id -> NextHopWire.delete(out, id));
    for (Answer answer : socket.exchange(out)) {
      if (answer.errno() != 0 && answer.errno() != Errno.ENOENT) {
        throw new KernelException("RTM_DELNEXTHOP", answer.errno(), "one of " + ids);
      }
    }
  }

  /// The next hops that the set's program made.
  public List<NextHop> nextHops() {
    NetlinkWriter request = socket.writer();
    NextHopWire.dump(request);
    List<NextHop> found = new ArrayList<>();
    socket.dump(
        request,
        found::clear,
        (type, payload) ->
            NextHopWire.read(type, payload)
                .filter(hop -> hop.protocol() == set.protocol())
                .ifPresent(found::add));
    return found;
  }

  /// The set's routes with the numbers of their next hops, 0 for one without. Walks through the
  /// namespace's whole table.
  public Map<Prefix, Integer> routes() {
    NetlinkWriter request = socket.writer();
    request.begin(RouteWire.GETROUTE, 0);
    request.u32(RouteWire.AF_UNSPEC);
    request.u32(0);
    request.u32(0);
    request.end();
    Map<Prefix, Integer> found = new HashMap<>();
    socket.dump(
        request,
        found::clear,
        (type, payload) -> {
          if (type == RouteWire.NEWROUTE) {
            NextHopWire.readRoute(payload, set, found::put);
          }
        });
    return found;
  }

  /// Makes each prefix go to a next hop, and deletes the routes of others. One that the kernel
  /// refuses does not keep the rest from being done; an absent one needs no deleting.
  ///
  /// @return what was refused, and why
  public Map<Prefix, String> change(Map<Prefix, Integer> puts, Collection<Prefix> deletes) {
    return change(puts, deletes, () -> {});
  }

  /// As [#change(Map, Collection)].
  ///
  /// @param between called after each few thousand, which take about 50 ms: what is urgent may use
  ///   this object then
  public Map<Prefix, String> change(
      Map<Prefix, Integer> puts, Collection<Prefix> deletes, Runnable between) {
    Map<Prefix, String> refused = new LinkedHashMap<>();
    List<Prefix> batch = new ArrayList<>(MOST_MESSAGES);
    NetlinkWriter out = writer();
    for (Prefix put : spread(puts.keySet())) {
      NextHopWire.putRoute(out, set, put, puts.getOrDefault(put, 0));
      batch.add(put);
      if (batch.size() == MOST_MESSAGES) {
        send(out, batch, refused);
        between.run();
        out = writer();
      }
    }
    for (Prefix delete : deletes) {
      NextHopWire.deleteRoute(out, set, delete);
      batch.add(delete);
      if (batch.size() == MOST_MESSAGES) {
        send(out, batch, refused);
        between.run();
        out = writer();
      }
    }
    send(out, batch, refused);
    return refused;
  }

  /// Many routes in an order in which neighbours in the address space come far apart. The kernel
  /// then finds early how wide its IPv4 trie must be; in rising order it widens it step by step,
  /// and waits for all readers after each half MiB of it that it throws away (`fib_trie.c`,
  /// `net.ipv4.fib_sync_mem`): 69 waits for 100,000 routes instead of 16.
  private static Collection<Prefix> spread(Collection<Prefix> prefixes) {
    if (prefixes.size() < MOST_MESSAGES) {
      return prefixes;
    }
    List<Prefix> spread = new ArrayList<>(prefixes);
    spread.sort((a, b) -> Long.compareUnsigned(reversed(a), reversed(b)));
    return spread;
  }

  private static long reversed(Prefix prefix) {
    return Long.reverse(prefix.address().low());
  }

  private NetlinkWriter writer() {
    return socket.writer(MOST_MESSAGES * 72);
  }

  private void send(NetlinkWriter out, List<Prefix> batch, Map<Prefix, String> refused) {
    if (!batch.isEmpty()) {
      for (Answer answer : socket.exchange(out)) {
        if (answer.errno() != 0 && answer.errno() != Errno.ESRCH) {
          refused.put(batch.get(answer.message()), why(answer));
        }
      }
      batch.clear();
    }
  }

  @Override
  public void close() {
    socket.close();
  }
}
