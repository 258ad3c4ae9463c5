// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.fastpath;

import static dev.fairway.linux.bpf.BpfInstruction.Condition.ANY_BIT;
import static dev.fairway.linux.bpf.BpfInstruction.Condition.EQUAL;
import static dev.fairway.linux.bpf.BpfInstruction.Condition.GREATER;
import static dev.fairway.linux.bpf.BpfInstruction.Condition.LESS_OR_EQUAL;
import static dev.fairway.linux.bpf.BpfInstruction.Condition.NOT_EQUAL;
import static dev.fairway.linux.bpf.BpfInstruction.Register.R0;
import static dev.fairway.linux.bpf.BpfInstruction.Register.R1;
import static dev.fairway.linux.bpf.BpfInstruction.Register.R10;
import static dev.fairway.linux.bpf.BpfInstruction.Register.R2;
import static dev.fairway.linux.bpf.BpfInstruction.Register.R3;
import static dev.fairway.linux.bpf.BpfInstruction.Register.R4;
import static dev.fairway.linux.bpf.BpfInstruction.Register.R5;
import static dev.fairway.linux.bpf.BpfInstruction.Register.R6;
import static dev.fairway.linux.bpf.BpfInstruction.Register.R7;
import static dev.fairway.linux.bpf.BpfInstruction.Register.R8;
import static dev.fairway.linux.bpf.BpfInstruction.Register.R9;
import static dev.fairway.linux.bpf.BpfInstruction.Width.BYTE;
import static dev.fairway.linux.bpf.BpfInstruction.Width.HALF;
import static dev.fairway.linux.bpf.BpfInstruction.Width.LONG;
import static dev.fairway.linux.bpf.BpfInstruction.Width.WORD;

import dev.fairway.linux.bpf.BpfAssembler;
import dev.fairway.linux.bpf.BpfCode;
import dev.fairway.linux.bpf.BpfFunction;
import dev.fairway.linux.bpf.BpfInstruction.Constant;
import dev.fairway.linux.bpf.BpfInstruction.Operation;
import dev.fairway.net.IpFamily;
import dev.fairway.net.MacAddress;

/// Writes the programs: the one that sees every packet a pod sends, and the one that sees what
/// comes from other nodes. Pure.
///
/// R6 holds the packet's context, R7 its bytes, R8 what is known of the sender and then of the
/// receiver, R9 why the packet goes where it goes. The text for both families is the same; only
/// offsets and lengths differ.
final class FastPathCode {
  /// Where a program sits.
  enum Side {
    /// Where a pod's packets come out.
    POD,
    /// Where packets from other nodes come in: their tunnel's device or the link to them.
    NODES
  }

  /// `struct __sk_buff` of `linux/bpf.h`
  private static final int LENGTH = 0;

  private static final int PACKET_TYPE = 4;
  private static final int PROTOCOL = 16;
  private static final int VLAN_PRESENT = 20;
  static final int LINK = 40;
  private static final int BYTES = 76;
  private static final int BYTES_END = 80;
  private static final int SEGMENT_BYTES = 176;

  private static final int ETHERNET = PacketLayout.ETHERNET;
  private static final int TCP = 6;
  private static final int UDP = 17;
  private static final int FIN_OR_RESET = 0x05;
  static final int SYN_AND_ACK = 0x12;
  static final int SYN = 0x02;

  /// `TCX_NEXT`: as if this program were not there.
  private static final int GO_ON = -1;

  // Places on the stack, counted back from R10.
  private static final int RECEIVER = -16; // address
  private static final int NUMBER = -20; // a key of 32 bits
  static final int FLAGS = -24; // of TCP, else 0
  private static final int OPTIONS = -40; // struct bpf_ct_opts
  private static final int TUPLE = -76; // struct bpf_sock_tuple, 36 bytes at most
  static final int INVERSE = -112;
  static final int OPENING = -152; // who opened: address, port
  private static final int HEADER = -156; // bytes of the TCP or UDP header
  private static final int RANGE = -180; // a key of POD_RANGES: prefix length, address
  private static final int ROUTE = -248; // struct bpf_fib_lookup
  private static final int NEXT_HOP = -268; // struct bpf_redir_neigh

  private static final int OPTIONS_BYTES = 12;
  private static final int OPTIONS_PROTOCOL = OPTIONS + 8;
  private static final int ROUTE_BYTES = 64;
  private static final int ROUTE_LINK = ROUTE + 8;
  private static final int ROUTE_SOURCE = ROUTE + 16;
  private static final int ROUTE_DESTINATION = ROUTE + 32; // and then the next hop
  private static final int NEXT_HOP_BYTES = 20;

  /// `BPF_FIB_LOOKUP_SKIP_NEIGH` (Linux 6.3)
  private static final int NO_NEIGHBOUR = 4;

  /// How long the record of a connection that is already there has to stay, so that a new one of
  /// the same ports sees it on its way through the stack.
  private static final int CLASH_MILLIS = 2000;

  private final Side side;
  private final MacAddress hostMac;
  private final BpfAssembler out = new BpfAssembler();
  private final ConnectionCode connections;

  private FastPathCode(Side side, MacAddress hostMac, int seed) {
    this.side = side;
    this.hostMac = hostMac;
    connections = new ConnectionCode(out, seed);
  }

  /// A program.
  ///
  /// @param hostMac that packets come to pods from, as they would by the stack
  /// @param seed any number, the same for programs that share maps
  static BpfCode of(Side side, MacAddress hostMac, int seed) {
    return new FastPathCode(side, hostMac, seed).write();
  }

  private BpfCode write() {
    out.move(R6, R1)
        .move(R9, Outcome.OTHER.number())
        .load(WORD, R2, R6, PACKET_TYPE)
        .jumpIf(R2, NOT_EQUAL, 0, "stack")
        .load(WORD, R2, R6, VLAN_PRESENT)
        .jumpIf(R2, NOT_EQUAL, 0, "stack")
        .load(WORD, R7, R6, BYTES)
        .load(WORD, R3, R6, BYTES_END)
        .load(WORD, R2, R6, PROTOCOL)
        .jumpIf(R2, EQUAL, 0x0008, PacketLayout.of(IpFamily.IPV4).label("packet"))
        .jumpIf(R2, EQUAL, 0xdd86, PacketLayout.of(IpFamily.IPV6).label("packet"))
        .jump("stack");
    for (IpFamily family : IpFamily.values()) {
      packet(PacketLayout.of(family));
    }
    if (side == Side.POD) {
      go();
    }
    end();
    return out.code();
  }

  private void packet(PacketLayout at) {
    out.label(at.label("packet")).move(R4, R7).add(R4, at.ports() + 8);
    out.jumpIf(R4, GREATER, R3, "stack");
    plainHeader(at);
    ports(at);
    if (side == Side.POD) {
      connections.look(at, "hand_over");
    }
    switch (side) {
      case POD -> sender(at);
      case NODES -> podOfAnother(at);
    }
    tuple(at);
    key(at, at.destination(), RECEIVER);
    lookUp(FastPathMaps.RECEIVERS, RECEIVER);
    out.jumpIf(R0, EQUAL, 0, at.label("elsewhere"));
    receiver();
    connections(at, "near");
    openings(at, "deliver");
    out.label(at.label("elsewhere"));
    if (side == Side.POD) {
      remember(at, RANGE + 4, at.destination());
      lookUp(FastPathMaps.POD_RANGES, RANGE);
      out.jumpIf(R0, EQUAL, 0, at.label("outside"));
      connections(at, "far");
      route(at);
      openings(at, "go");
      out.label(at.label("outside"));
    }
    outside(at);
  }

  /// Anything out of the ordinary is for the stack: options, fragments, the last hop.
  private void plainHeader(PacketLayout at) {
    switch (at.family()) {
      case IPV4 ->
          out.load(BYTE, R2, R7, ETHERNET)
              .jumpIf(R2, NOT_EQUAL, 0x45, "stack")
              .load(HALF, R2, R7, ETHERNET + 6)
              .jumpIf(R2, ANY_BIT, 0xff3f, "stack"); // more fragments, offset: in network order
      case IPV6 -> {} // a header in between shows as a protocol
    }
    out.load(BYTE, R2, R7, at.hops()).jumpIf(R2, LESS_OR_EQUAL, 1, "stack");
  }

  private void ports(PacketLayout at) {
    out.load(BYTE, R2, R7, at.protocol())
        .store(BYTE, R10, FLAGS, 0)
        .store(WORD, R10, HEADER, 8)
        .jumpIf(R2, EQUAL, UDP, at.label("udp"))
        .jumpIf(R2, NOT_EQUAL, TCP, "stack")
        .move(R4, R7)
        .add(R4, at.ports() + 14)
        .jumpIf(R4, GREATER, R3, "stack")
        .load(BYTE, R2, R7, at.ports() + 12)
        .compute(Operation.SHIFT_RIGHT, R2, new Constant(4))
        .compute(Operation.SHIFT_LEFT, R2, new Constant(2))
        .store(WORD, R10, HEADER, R2)
        .load(BYTE, R2, R7, at.tcpFlags())
        .store(BYTE, R10, FLAGS, R2)
        .jump(at.label("ports"))
        .label(at.label("udp"))
        .load(HALF, R2, R7, at.ports())
        .jumpIf(R2, EQUAL, at.dhcpServer(), "stack") // the guard has something to say of it
        .label(at.label("ports"));
  }

  private void lookUp(String map, int key) {
    out.loadMap(R1, map).move(R2, R10).add(R2, key).call(BpfFunction.MAP_LOOKUP_ELEM);
  }

  /// An address of the packet as a key of [FastPathMaps#POD_RANGES].
  private void remember(PacketLayout at, int to, int from) {
    out.store(WORD, R10, to - 4, 128);
    key(at, from, to);
  }

  /// What comes from other nodes must come from a pod, and not from one of ours.
  private void podOfAnother(PacketLayout at) {
    out.load(WORD, R2, R6, LINK).store(WORD, R10, NUMBER, R2);
    remember(at, RANGE + 4, at.source());
    lookUp(FastPathMaps.POD_RANGES, RANGE);
    out.jumpIf(R0, EQUAL, 0, "stack");
    lookUp(FastPathMaps.RECEIVERS, RANGE + 4);
    out.jumpIf(R0, NOT_EQUAL, 0, "stack");
  }

  /// Who sends must be who lives behind this link, to the letter.
  private void sender(PacketLayout at) {
    out.move(R9, Outcome.NOT_THE_PODS.number())
        .load(WORD, R2, R6, LINK)
        .store(WORD, R10, NUMBER, R2);
    lookUp(FastPathMaps.SENDERS, NUMBER);
    out.jumpIf(R0, EQUAL, 0, "stack")
        .move(R8, R0)
        .load(WORD, R2, R7, 6)
        .load(WORD, R3, R8, 0)
        .jumpIf(R2, NOT_EQUAL, R3, "stack")
        .load(HALF, R2, R7, 10)
        .load(HALF, R3, R8, 4)
        .jumpIf(R2, NOT_EQUAL, R3, "stack");
    switch (at.family()) {
      case IPV4 ->
          out.load(WORD, R2, R7, at.source())
              .jumpIf(R2, EQUAL, 0, "stack") // a pod without an address of this family
              .load(WORD, R3, R8, 8)
              .jumpIf(R2, NOT_EQUAL, R3, "stack");
      case IPV6 -> {
        out.load(LONG, R2, R7, at.source())
            .jumpIf(R2, EQUAL, 0, "stack")
            .load(LONG, R3, R8, 16)
            .jumpIf(R2, NOT_EQUAL, R3, "stack")
            .load(LONG, R2, R7, at.source() + 8)
            .load(LONG, R3, R8, 24)
            .jumpIf(R2, NOT_EQUAL, R3, "stack");
      }
    }
    out.move(R9, Outcome.NEEDS_STACK.number())
        .load(HALF, R2, R8, 6)
        .jumpIf(R2, NOT_EQUAL, 0, "stack");
  }

  /// The packet's tuple, the question about it, and who sends by which port.
  private void tuple(PacketLayout at) {
    int end = TUPLE + 2 * at.addressBytes();
    copy(at.source(), at.addressBytes(), TUPLE);
    copy(at.destination(), at.addressBytes(), TUPLE + at.addressBytes());
    out.load(WORD, R2, R7, at.ports())
        .store(WORD, R10, end, R2)
        .store(WORD, R10, OPTIONS, -1) // this namespace
        .store(WORD, R10, OPTIONS + 4, 0)
        .store(WORD, R10, OPTIONS_PROTOCOL, 0)
        .load(BYTE, R2, R7, at.protocol())
        .store(BYTE, R10, OPTIONS_PROTOCOL, R2);
  }

  /// An address of either family as sixteen bytes (RFC 4291, section 2.5.5.2).
  private void key(PacketLayout at, int from, int to) {
    switch (at.family()) {
      case IPV4 -> {
        out.move(R2, 0)
            .store(LONG, R10, to, R2)
            .store(WORD, R10, to + 8, 0xffff_0000)
            .load(WORD, R2, R7, from)
            .store(WORD, R10, to + 12, R2);
      }
      case IPV6 -> copy(from, at.addressBytes(), to);
    }
  }

  private void copy(int from, int bytes, int to) {
    for (int i = 0; i < bytes; i += 4) {
      out.load(WORD, R2, R7, from + i).store(WORD, R10, to + i, R2);
    }
  }

  private void receiver() {
    out.move(R8, R0)
        .move(R9, Outcome.NEEDS_STACK.number())
        .load(HALF, R2, R8, 10)
        .jumpIf(R2, NOT_EQUAL, 0, "stack")
        .load(WORD, R2, R8, 0)
        .load(WORD, R3, R10, NUMBER)
        .jumpIf(R2, EQUAL, R3, "stack"); // to itself
  }

  /// What connection tracking knows is the stack's: it may have to be translated, or was begun
  /// there. Asked is for the tuple of what answers the opener of a TCP connection: that is where
  /// one that the stack translates looks like ours. The opener's own is asked for where nobody
  /// remembers the opening; a TCP packet that opens has it for itself, as its sender has no other
  /// connection of that tuple. Datagrams are asked for both ways.
  private void connections(PacketLayout at, String place) {
    String inverse = at.label(place + "_inverse");
    String straight = at.label(place + "_straight");
    String unknown = at.label(place + "_unknown");
    out.move(R9, Outcome.TRACKED.number())
        .load(BYTE, R2, R10, OPTIONS_PROTOCOL)
        .jumpIf(R2, EQUAL, UDP, straight)
        .load(BYTE, R3, R10, FLAGS)
        .and(R3, SYN_AND_ACK)
        .jumpIf(R3, EQUAL, SYN, inverse);
    if (side == Side.POD && place.equals("near")) {
      connections.ifKnown(inverse, straight);
    }
    out.label(straight);
    track(at, TUPLE, "bpf_skb_ct_lookup");
    out.jumpIf(R0, NOT_EQUAL, 0, "release")
        .load(BYTE, R2, R10, OPTIONS_PROTOCOL)
        .jumpIf(R2, NOT_EQUAL, UDP, unknown)
        .label(inverse);
    int end = INVERSE + 2 * at.addressBytes();
    copy(at.destination(), at.addressBytes(), INVERSE);
    copy(at.source(), at.addressBytes(), INVERSE + at.addressBytes());
    out.load(HALF, R2, R7, at.ports())
        .store(HALF, R10, end + 2, R2)
        .load(HALF, R2, R7, at.ports() + 2)
        .store(HALF, R10, end, R2);
    track(at, INVERSE, "bpf_skb_ct_lookup");
    out.jumpIf(R0, NOT_EQUAL, 0, "release").label(unknown);
  }

  private void track(PacketLayout at, int tuple, String function) {
    out.move(R1, R6)
        .move(R2, R10)
        .add(R2, tuple)
        .move(R3, at.tupleBytes())
        .move(R4, R10)
        .add(R4, OPTIONS)
        .move(R5, OPTIONS_BYTES)
        .callKernel(function);
  }

  /// Remembers who opened a TCP connection with which port while it lasts. The stack does not know
  /// of it: without this, a second one of that port, to a Service that leads to the same endpoint,
  /// would look to the endpoint like the first.
  private void openings(PacketLayout at, String next) {
    String over = at.label("over_" + next);
    String opens = at.label("opens_" + next);
    boolean direct = side == Side.POD && next.equals("deliver");
    out.load(BYTE, R3, R10, FLAGS)
        .jumpIf(R3, ANY_BIT, FIN_OR_RESET, over)
        .and(R3, SYN_AND_ACK)
        .jumpIf(R3, EQUAL, SYN, opens);
    if (direct) {
      connections.renew(at, next);
    } else {
      out.jump(next);
    }
    out.label(opens);
    connections.opens(at, direct, next);
    out.label(over);
    connections.ends(at, next);
  }

  /// Asks the stack for its route, which must lead to other nodes and be wide enough.
  private void route(PacketLayout at) {
    String whole = at.label("whole");
    String sized = at.label("sized");
    out.move(R9, Outcome.NOT_LOCAL.number());
    for (int i = 0; i < ROUTE_BYTES; i += 8) {
      out.store(LONG, R10, ROUTE + i, 0);
    }
    out.store(BYTE, R10, ROUTE, at.number())
        .load(BYTE, R2, R10, OPTIONS_PROTOCOL)
        .store(BYTE, R10, ROUTE + 1, R2)
        .load(HALF, R2, R7, at.ports())
        .store(HALF, R10, ROUTE + 2, R2)
        .load(HALF, R2, R7, at.ports() + 2)
        .store(HALF, R10, ROUTE + 4, R2)
        .load(WORD, R2, R10, NUMBER)
        .store(WORD, R10, ROUTE_LINK, R2);
    copy(at.source(), at.addressBytes(), ROUTE_SOURCE);
    copy(at.destination(), at.addressBytes(), ROUTE_DESTINATION);
    // Of many packets that travel as one, the size of each.
    out.load(WORD, R2, R6, SEGMENT_BYTES)
        .jumpIf(R2, EQUAL, 0, whole)
        .load(WORD, R3, R10, HEADER)
        .compute(Operation.ADD, R2, R3)
        .add(R2, at.headerBytes())
        .jump(sized)
        .label(whole)
        .load(WORD, R2, R6, LENGTH)
        .add(R2, -ETHERNET)
        .label(sized)
        .jumpIf(R2, GREATER, 0xffff, "stack")
        .store(HALF, R10, ROUTE + 6, R2)
        .move(R1, R6)
        .move(R2, R10)
        .add(R2, ROUTE)
        .move(R3, ROUTE_BYTES)
        .move(R4, NO_NEIGHBOUR)
        .call(BpfFunction.FIB_LOOKUP)
        .jumpIf(R0, NOT_EQUAL, 0, "stack")
        .load(WORD, R2, R10, ROUTE_LINK)
        .store(WORD, R10, NUMBER, R2);
    lookUp(FastPathMaps.WAYS, NUMBER);
    out.jumpIf(R0, EQUAL, 0, "stack");
  }

  /// Out by that route. The neighbour is the stack's to find and to look after.
  private void go() {
    out.label("go").load(BYTE, R2, R10, ROUTE).store(WORD, R10, NEXT_HOP, R2);
    for (int i = 0; i < 16; i += 4) {
      out.load(WORD, R2, R10, ROUTE_DESTINATION + i).store(WORD, R10, NEXT_HOP + 4 + i, R2);
    }
    out.load(WORD, R1, R10, ROUTE_LINK)
        .move(R2, R10)
        .add(R2, NEXT_HOP)
        .move(R3, NEXT_HOP_BYTES)
        .move(R4, 0)
        .call(BpfFunction.REDIRECT_NEIGH)
        .move(R7, R0)
        .move(R9, Outcome.ACROSS.number())
        .jump("count");
  }

  /// A connection opened through the stack, maybe to a Service, by a port that has one past it:
  /// tells the stack of that one, which then chooses another port for this.
  private void outside(PacketLayout at) {
    out.move(R9, Outcome.NOT_LOCAL.number())
        .load(BYTE, R3, R10, FLAGS)
        .and(R3, SYN_AND_ACK)
        .jumpIf(R3, NOT_EQUAL, SYN, "stack");
    connections.clash(at, TUPLE, "stack");
    track(at, TUPLE, "bpf_skb_ct_alloc");
    out.jumpIf(R0, EQUAL, 0, "stack")
        .move(R9, Outcome.CLASH.number())
        .move(R8, R0)
        .move(R1, R8)
        .move(R2, CLASH_MILLIS)
        .callKernel("bpf_ct_set_timeout")
        .move(R1, R8)
        .callKernel("bpf_ct_insert_entry")
        .jumpIf(R0, EQUAL, 0, "stack")
        .jump("release");
  }

  private void end() {
    long ours = hostMac.bits();
    out.label("release")
        .move(R1, R0)
        .callKernel("bpf_ct_release")
        .jump("stack")
        .label("deliver")
        .load(WORD, R4, R8, 4)
        .load(HALF, R5, R8, 8)
        .load(WORD, R8, R8, 0)
        .label("hand_over") // R8 link, R4 and R5 MAC
        .store(WORD, R7, 0, R4)
        .store(HALF, R7, 4, R5)
        .store(WORD, R7, 6, Integer.reverseBytes((int) (ours >>> 16)))
        .store(HALF, R7, 10, Short.reverseBytes((short) ours))
        .move(R1, R8)
        .move(R2, 0)
        .call(BpfFunction.REDIRECT_PEER)
        .move(R7, R0)
        .move(R9, (side == Side.POD ? Outcome.DIRECT : Outcome.ARRIVED).number())
        .jump("count")
        .label("stack")
        .move(R7, GO_ON);
    if (side == Side.NODES) {
      out.jump("out"); // most of that is nothing to us
    }
    out.label("count").store(WORD, R10, NUMBER, R9);
    lookUp(FastPathMaps.OUTCOMES, NUMBER);
    out.jumpIf(R0, EQUAL, 0, "out")
        .load(LONG, R1, R0, 0)
        .add(R1, 1)
        .store(LONG, R0, 0, R1)
        .label("out")
        .move(R0, R7)
        .exit();
  }
}
