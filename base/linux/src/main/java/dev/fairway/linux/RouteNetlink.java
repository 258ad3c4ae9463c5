// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

import dev.fairway.linux.NetlinkSocket.Answer;
import dev.fairway.net.IpAddress;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiFunction;
import java.util.function.Consumer;

/// Links, addresses, routes and neighbours of one network namespace, by rtnetlink(7).
///
/// Keep one open for as long as there is work for it: opening costs little, but a socket is also
/// the only thing that has to be inside the namespace.
public final class RouteNetlink implements AutoCloseable {
  /// What one send carries at most; the answers must fit the socket's receive buffer.
  private static final int MAX_MESSAGES = 2000;

  private final NetlinkSocket socket;

  private RouteNetlink(NetlinkSocket socket) {
    this.socket = socket;
  }

  /// Works on the namespace that the calling thread is in.
  public static RouteNetlink open() {
    return new RouteNetlink(NetlinkSocket.open(NetlinkSocket.ROUTE));
  }

  /// Works on the given namespace.
  public static RouteNetlink open(NetworkNamespace namespace) {
    return new RouteNetlink(NetlinkSocket.open(namespace, NetlinkSocket.ROUTE));
  }

  /// Carries out requests in order, 2000 in one system call. All are tried, also those behind one
  /// that fails; which were done is found by a dump.
  ///
  /// @throws KernelException about the first request that failed, with those of later system calls
  ///   as suppressed
  public void apply(List<? extends RouteRequest> requests) {
    KernelException first = null;
    for (int from = 0; from < requests.size(); from += MAX_MESSAGES) {
      try {
        send(requests.subList(from, Math.min(requests.size(), from + MAX_MESSAGES)));
      } catch (KernelException e) {
        if (first == null) {
          first = e;
        } else {
          first.addSuppressed(e);
        }
      }
    }
    if (first != null) {
      throw first;
    }
  }

  /// As [#apply(List)].
  public void apply(RouteRequest... requests) {
    apply(List.of(requests));
  }

  private void send(List<? extends RouteRequest> requests) {
    NetlinkWriter out = socket.writer(requests.size() * 96 + 256);
    for (RouteRequest request : requests) {
      RouteWire.write(out, request);
    }
    List<Answer> answers = socket.exchange(out);
    for (Answer answer : answers) {
      RouteRequest request = requests.get(answer.message());
      if (answer.errno() != 0 && !RouteWire.absentIsFine(request, answer.errno())) {
        throw new KernelException(
            RouteWire.call(request), answer.errno(), request.toString(), answer.reason());
      }
    }
    if (answers.size() < requests.size()) {
      throw new KernelException(
          "recv", Errno.ENOBUFS, "answers to " + requests.size() + " rtnetlink requests");
    }
  }

  /// Every link of the namespace.
  public List<Link> links() {
    NetlinkWriter request = socket.writer();
    request.begin(RouteWire.GETLINK, 0);
    RouteWire.linkHeader(request, 0, 0, 0);
    request.end();
    return dump(request, RouteReader::link);
  }

  /// The link of that name, if there is one.
  public Optional<Link> link(String name) {
    return links().stream().filter(link -> link.name().equals(name)).findFirst();
  }

  /// The link of that index, if there is one.
  public Optional<Link> link(int index) {
    return links().stream().filter(link -> link.index() == index).findFirst();
  }

  /// Every address of both families.
  public List<LinkAddress> addresses() {
    NetlinkWriter request = socket.writer();
    request.begin(RouteWire.GETADDR, 0);
    request.u8(RouteWire.AF_UNSPEC);
    request.u8(0);
    request.u16(0);
    request.u32(0);
    request.end();
    return dump(request, RouteReader::address);
  }

  /// Every route of both families and all tables, those that the kernel made itself included.
  public List<Route> routes() {
    NetlinkWriter request = socket.writer();
    request.begin(RouteWire.GETROUTE, 0);
    request.u32(RouteWire.AF_UNSPEC);
    request.u32(0);
    request.u32(0);
    request.end();
    return dump(request, RouteReader::route);
  }

  /// The route that a packet to an address would take; of several next hops the first. Empty if
  /// there is none.
  public Optional<Route> routeTo(IpAddress address) {
    NetlinkWriter request = socket.writer();
    request.begin(RouteWire.GETROUTE, 0);
    int matchOnly = 0x2000; // RTM_F_FIB_MATCH, Linux 4.13: the route itself, not what it led to
    request.u8(address.family().addressFamily());
    request.u8(address.family().addressBits());
    request.u16(0);
    request.u32(0);
    request.u32(matchOnly);
    request.attribute(1, address.bytes());
    request.end();
    Route[] found = new Route[1];
    socket.exchange(
        request,
        (type, payload) -> RouteReader.route(type, payload).ifPresent(route -> found[0] = route));
    return Optional.ofNullable(found[0]).filter(route -> route.type() == Route.Type.UNICAST);
  }

  /// The ARP and ND tables.
  public List<Neighbour> neighbours() {
    NetlinkWriter request = socket.writer();
    request.begin(RouteWire.GETNEIGH, 0);
    RouteWire.neighbourHeader(request, RouteWire.AF_UNSPEC, 0, 0, 0);
    request.end();
    return dump(request, RouteReader::neighbour);
  }

  /// The forwarding databases of all bridges and VXLAN links.
  public List<Forwarding> forwardings() {
    NetlinkWriter request = socket.writer();
    request.begin(RouteWire.GETNEIGH, 0);
    RouteWire.neighbourHeader(request, RouteWire.AF_BRIDGE, 0, 0, 0);
    request.end();
    return dump(request, RouteReader::forwarding);
  }

  /// The links on which somebody set a queueing discipline or a filter, such as a bandwidth limit
  /// (tc(8)), by index.
  public Set<Integer> shapedLinks() {
    NetlinkWriter request = socket.writer();
    request.begin(RouteWire.GETQDISC, 0);
    for (int word = 0; word < 5; word++) {
      request.u32(0); // struct tcmsg: of all links
    }
    request.end();
    return new HashSet<>(dump(request, RouteReader::shapedLink));
  }

  private <T> List<T> dump(
      NetlinkWriter request, BiFunction<Integer, NetlinkReader, Optional<T>> reader) {
    List<T> found = new ArrayList<>();
    Consumer<T> add = found::add;
    socket.dump(
        request, found::clear, (type, payload) -> reader.apply(type, payload).ifPresent(add));
    return found;
  }

  @Override
  public void close() {
    socket.close();
  }
}
