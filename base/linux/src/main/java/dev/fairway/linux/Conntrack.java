// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

import dev.fairway.linux.NetlinkSocket.Answer;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Protocol;
import dev.fairway.net.TransportAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/// The connections that the kernel tracks in one network namespace (ctnetlink,
/// `linux/netfilter/nfnetlink_conntrack.h`).
public final class Conntrack implements AutoCloseable {
  private static final int SUBSYSTEM = 1 << 8;
  private static final int NEW = SUBSYSTEM;
  private static final int GET = SUBSYSTEM | 1;
  private static final int DELETE = SUBSYSTEM | 2;
  private static final int ACK = 4;
  private static final int TUPLE_ORIGINAL = 1;
  private static final int TUPLE_REPLY = 2;
  private static final int STATUS = 3;
  private static final int PROTOCOL_STATE = 4;
  private static final int TIMEOUT = 7;
  private static final int ID = 12;
  private static final int CREATE = 0x400;
  private static final int EXCLUSIVE = 0x200;

  // `enum ip_conntrack_status`, `enum tcp_conntrack`, `IP_CT_TCP_FLAG_BE_LIBERAL`
  private static final int SEEN_REPLY = 2;
  private static final int ASSURED = 4;
  private static final int CONFIRMED = 8;
  private static final int TCP_ESTABLISHED = 3;
  private static final byte BE_LIBERAL = 8;
  private static final int MAX_MESSAGES = 1000;
  private static final int UNSPECIFIED = 0;

  private final NetlinkSocket socket;
  private final Optional<NetworkNamespace> namespace;

  private Conntrack(NetlinkSocket socket, Optional<NetworkNamespace> namespace) {
    this.socket = socket;
    this.namespace = namespace;
  }

  /// Works on the namespace that the calling thread is in.
  public static Conntrack open() {
    return new Conntrack(NetlinkSocket.open(NetlinkSocket.NETFILTER), Optional.empty());
  }

  /// Works on the given namespace.
  public static Conntrack open(NetworkNamespace namespace) {
    return new Conntrack(
        NetlinkSocket.open(namespace, NetlinkSocket.NETFILTER), Optional.of(namespace));
  }

  /// A connection, of protocols that have ports.
  ///
  /// @param protocol the number in the IP header
  /// @param client who started it
  /// @param server where to, as the client sees it
  /// @param answerFrom who really answers; differs from the server where it was redirected
  /// @param answerTo where answers go; differs from the client where it was masqueraded
  public record Flow(
      int protocol,
      TransportAddress client,
      TransportAddress server,
      TransportAddress answerFrom,
      TransportAddress answerTo) {}

  /// A flow with what names it for the kernel.
  ///
  /// @param original its tuple as the kernel wrote it; empty if only the flow is known
  record Entry(Flow flow, byte[] original, int id) {}

  /// Every connection of one family.
  public List<Flow> flows(IpFamily family) {
    return entries(family.addressFamily()).stream().map(Entry::flow).toList();
  }

  /// Forgets connections, so that their next packet is looked at like a first one.
  ///
  /// @return how many there were
  public int deleteIf(IpFamily family, Predicate<Flow> which) {
    return delete(entries(family.addressFamily()), which);
  }

  /// As [#deleteIf(IpFamily, Predicate)], of both families for the price of one: the kernel looks
  /// through the table of all namespaces, lock by lock.
  public int deleteIf(Predicate<Flow> which) {
    return delete(entries(UNSPECIFIED), which);
  }

  /// As [#deleteIf(Predicate)], for less by far where there are few connections: they are read
  /// without a lock. One may be missed if another ends meanwhile, so somebody has to look again
  /// later.
  ///
  /// @return empty if this kernel does not tell connections so
  public OptionalInt deleteIfSeen(Predicate<Flow> which) {
    Optional<List<Flow>> seen =
        namespace.isPresent() ? FlowTable.read(namespace.get(), which) : FlowTable.read(which);
    if (seen.isEmpty()) {
      return OptionalInt.empty();
    }
    List<Entry> entries = new ArrayList<>();
    seen.get().forEach(flow -> entries.add(new Entry(flow, new byte[0], 0)));
    return OptionalInt.of(delete(entries, flow -> true));
  }

  private int delete(List<Entry> entries, Predicate<Flow> which) {
    List<Entry> chosen = entries.stream().filter(entry -> which.test(entry.flow())).toList();
    for (int from = 0; from < chosen.size(); from += MAX_MESSAGES) {
      delete(chosen.subList(from, Math.min(chosen.size(), from + MAX_MESSAGES)));
    }
    return chosen.size();
  }

  /// Makes an established TCP connection known that began where nobody tracked it, with the client
  /// as who began it. Its sequence numbers are not checked. One that is known stays as it is,
  /// whoever it says began it.
  ///
  /// @return false if it is known already
  public boolean addEstablished(
      TransportAddress client, TransportAddress server, Duration timeout) {
    IpFamily family = client.address().family();
    NetlinkWriter out = socket.writer(512);
    out.begin(NEW, CREATE | EXCLUSIVE | ACK);
    header(out, family.addressFamily());
    tuple(out, TUPLE_ORIGINAL, Protocol.TCP.number(), client, server);
    tuple(out, TUPLE_REPLY, Protocol.TCP.number(), server, client);
    out.attributeBigEndian32(STATUS, SEEN_REPLY | ASSURED | CONFIRMED);
    out.nest(PROTOCOL_STATE);
    out.nest(1);
    out.attributeU8(1, TCP_ESTABLISHED);
    out.attribute(4, new byte[] {BE_LIBERAL, BE_LIBERAL});
    out.attribute(5, new byte[] {BE_LIBERAL, BE_LIBERAL});
    out.unnest();
    out.unnest();
    out.attributeBigEndian32(TIMEOUT, Math.toIntExact(timeout.toSeconds()));
    out.end();
    boolean added = true;
    for (Answer answer : socket.exchange(out)) {
      if (answer.errno() == Errno.EEXIST) {
        added = false;
      } else if (answer.errno() != 0) {
        throw new KernelException(
            "IPCTNL_MSG_CT_NEW", answer.errno(), client + " to " + server, answer.reason());
      }
    }
    return added;
  }

  private static void tuple(
      NetlinkWriter out, int attribute, int protocol, TransportAddress from, TransportAddress to) {
    boolean four = from.address().family() == IpFamily.IPV4;
    out.nest(attribute);
    out.nest(1);
    out.attribute(four ? 1 : 3, from.address().bytes());
    out.attribute(four ? 2 : 4, to.address().bytes());
    out.unnest();
    out.nest(2);
    out.attributeU8(1, protocol);
    out.attributeBigEndian16(2, from.port());
    out.attributeBigEndian16(3, to.port());
    out.unnest();
    out.unnest();
  }

  private void delete(List<Entry> entries) {
    NetlinkWriter out = socket.writer(entries.size() * 96);
    for (Entry entry : entries) {
      out.begin(DELETE, ACK);
      Flow flow = entry.flow();
      header(out, flow.client().address().family().addressFamily());
      if (entry.original().length == 0) {
        tuple(out, TUPLE_ORIGINAL, flow.protocol(), flow.client(), flow.server());
      } else {
        out.nest(TUPLE_ORIGINAL);
        out.bytes(entry.original());
        out.unnest();
        out.attributeBigEndian32(ID, entry.id());
      }
      out.end();
    }
    for (Answer answer : socket.exchange(out)) {
      // One that has ended meanwhile is what we wanted.
      if (answer.errno() != 0 && answer.errno() != Errno.ENOENT) {
        Flow flow = entries.get(answer.message()).flow();
        throw new KernelException(
            "IPCTNL_MSG_CT_DELETE", answer.errno(), flow.toString(), answer.reason());
      }
    }
  }

  private List<Entry> entries(int family) {
    NetlinkWriter out = socket.writer();
    out.begin(GET, 0);
    header(out, family);
    out.end();
    List<Entry> entries = new ArrayList<>();
    socket.dump(
        out,
        entries::clear,
        (type, payload) -> {
          if (type == NEW) {
            entry(payload).ifPresent(entries::add);
          }
        });
    return entries;
  }

  private static void header(NetlinkWriter out, int family) {
    out.u8(family);
    out.u8(0);
    out.bigEndian16(0);
  }

  private static final class Tuple {
    @Nullable IpAddress source;
    @Nullable IpAddress destination;
    int protocol;
    int sourcePort;
    int destinationPort;
  }

  /// Reads one entry; nothing for what has no ports or no addresses.
  static Optional<Entry> entry(NetlinkReader message) {
    Tuple original = new Tuple();
    Tuple reply = new Tuple();
    byte[][] raw = {new byte[0]};
    int[] id = new int[1];
    message.attributes(
        4,
        (type, value) -> {
          switch (type) {
            case TUPLE_ORIGINAL -> {
              raw[0] = value.bytes();
              tuple(original, value);
            }
            case TUPLE_REPLY -> tuple(reply, value);
            case ID -> id[0] = value.bigEndian32(0);
            default -> {}
          }
        });
    if (original.source == null
        || original.destination == null
        || reply.source == null
        || reply.destination == null
        || original.destinationPort == 0) {
      return Optional.empty();
    }
    Flow flow =
        new Flow(
            original.protocol,
            new TransportAddress(original.source, original.sourcePort),
            new TransportAddress(original.destination, original.destinationPort),
            new TransportAddress(reply.source, reply.sourcePort),
            new TransportAddress(reply.destination, reply.destinationPort));
    return Optional.of(new Entry(flow, raw[0], id[0]));
  }

  private static void tuple(Tuple tuple, NetlinkReader nest) {
    nest.attributes(
        0,
        (type, value) -> {
          if (type == 1) {
            value.attributes(0, (inner, address) -> address(tuple, inner, address));
          } else if (type == 2) {
            value.attributes(0, (inner, part) -> transport(tuple, inner, part));
          }
        });
  }

  private static void address(Tuple tuple, int type, NetlinkReader value) {
    if (value.length() != 4 && value.length() != 16) {
      return;
    }
    IpAddress address = IpAddress.ofBytes(value.bytes());
    if (type == 1 || type == 3) {
      tuple.source = address;
    } else if (type == 2 || type == 4) {
      tuple.destination = address;
    }
  }

  private static void transport(Tuple tuple, int type, NetlinkReader value) {
    switch (type) {
      case 1 -> tuple.protocol = value.u8(0);
      case 2 -> tuple.sourcePort = value.bigEndian16(0);
      case 3 -> tuple.destinationPort = value.bigEndian16(0);
      default -> {}
    }
  }

  @Override
  public void close() {
    socket.close();
  }
}
