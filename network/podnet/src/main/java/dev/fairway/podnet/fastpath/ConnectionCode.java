// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.fastpath;

import static dev.fairway.linux.bpf.BpfInstruction.Condition.ANY_BIT;
import static dev.fairway.linux.bpf.BpfInstruction.Condition.EQUAL;
import static dev.fairway.linux.bpf.BpfInstruction.Condition.GREATER;
import static dev.fairway.linux.bpf.BpfInstruction.Condition.NOT_EQUAL;
import static dev.fairway.linux.bpf.BpfInstruction.Operation.ADD;
import static dev.fairway.linux.bpf.BpfInstruction.Operation.MULTIPLY;
import static dev.fairway.linux.bpf.BpfInstruction.Operation.OR;
import static dev.fairway.linux.bpf.BpfInstruction.Operation.SHIFT_LEFT;
import static dev.fairway.linux.bpf.BpfInstruction.Operation.SHIFT_RIGHT;
import static dev.fairway.linux.bpf.BpfInstruction.Operation.XOR;
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
import dev.fairway.linux.bpf.BpfFunction;
import dev.fairway.linux.bpf.BpfInstruction.Constant;
import dev.fairway.linux.bpf.BpfInstruction.Register;
import dev.fairway.net.Bypass;
import dev.fairway.net.TransportAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Optional;

/// Writes what the programs do about TCP connections that they know: they were opened past the
/// stack. What was found out about one of this node holds for its next packets, too, both ways,
/// until its time stamp is another than now's ([#stamp]).
///
/// A connection has one place, by who opened it (address and port), and displaces who was there
/// into a reserve. The place's first word says of which family it is, if its opener has ended it,
/// if it is being written, and above that counts the writings: who reads looks at that word before
/// and after. Nobody waits: a place that somebody else is writing is not used.
final class ConnectionCode {
  /// How many places there are, 64 bytes each.
  static final int PLACE_BITS = 15;

  static final int PLACE_BYTES = 64;

  /// What the reserve is asked by: address and port of who opened.
  static final int OPENER_BYTES = 18;

  /// What it then tells: both ports, and the other's address.
  static final int OPENED_BYTES = 20;

  private static final int FIN_OR_RESET = 0x05;
  private static final int RESET = 0x04;

  // A place.
  private static final int STATE = 0;
  private static final int TIME = 4;
  private static final int OPENER = 8; // address; then both ports and the other's address follow
  private static final int OPENER_PORT = 24;
  private static final int OTHER_PORT = 26;
  private static final int OTHER = 28;
  private static final int OPENER_LINK = 44;
  private static final int OTHER_LINK = 48;
  private static final int OPENER_MAC = 52;
  private static final int OTHER_MAC = 58;

  // Its first word.
  private static final int FAMILY = 0x0f; // 0: nobody's
  private static final int ENDING = 0x10;
  private static final int WRITING = 0x20;
  private static final int NEXT_VERSION = 0x40;

  // Places on the stack.
  private static final int NOW = -272;
  private static final int PLACE = -276;
  private static final int KNOWN = -280; // a connection that is known, but not from now
  private static final int SEEN = -288; // a place's first two words, as they were

  private static final int FROM_OPENER = 1;
  private static final int TO_OPENER = 2;

  /// About a second where the kernel's clock ticks 250 times in one.
  private static final int TICK_BITS = 8;

  private static final Constant SPREAD = new Constant(0x9e37_79b1); // odd

  private final BpfAssembler out;
  private final int seed;
  private int resets; // labels of [#end]

  /// @param seed so that nobody can choose ports which meet those of others in one place
  ConnectionCode(BpfAssembler out, int seed) {
    this.out = out;
    this.seed = seed;
  }

  /// What a place holds: a connection that is open, as far as is known.
  static Optional<Bypass.Begun> begun(byte[] place) {
    int state = ByteBuffer.wrap(place).order(ByteOrder.nativeOrder()).getInt(STATE);
    if ((state & FAMILY) == 0 || (state & (ENDING | WRITING)) != 0) {
      return Optional.empty();
    }
    return Optional.of(
        begun(
            Arrays.copyOfRange(place, OPENER, OPENER + OPENER_BYTES),
            Arrays.copyOfRange(place, OPENER_PORT, OPENER_PORT + OPENED_BYTES)));
  }

  /// What an entry of the reserve says.
  static Bypass.Begun begun(byte[] opener, byte[] opened) {
    return new Bypass.Begun(address(opener, 0, 16), address(opened, 4, 2));
  }

  private static TransportAddress address(byte[] from, int address, int port) {
    ByteBuffer octets = ByteBuffer.wrap(from); // in network order
    return new TransportAddress(
        new FastPathMaps.AddressLayout().read(octets.slice(address, 16)),
        Short.toUnsignedInt(octets.getShort(port)));
  }

  private void lookUp(String map, int key) {
    out.loadMap(R1, map).move(R2, R10).add(R2, key).call(BpfFunction.MAP_LOOKUP_ELEM);
  }

  /// What time it is: other than before when the agent has changed anything, and after some ticks.
  private void stamp(String none) {
    out.store(WORD, R10, PLACE, 0);
    lookUp(FastPathMaps.CHANGES, PLACE);
    out.jumpIf(R0, EQUAL, 0, none)
        .load(WORD, R8, R0, 0)
        .call(BpfFunction.JIFFIES64)
        .compute(SHIFT_RIGHT, R0, new Constant(TICK_BITS))
        .compute(ADD, R0, R8)
        .compute(SHIFT_LEFT, R0, new Constant(1))
        .compute(OR, R0, new Constant(1)) // never 0, which is in places that hold at no time
        .store(WORD, R10, NOW, R0);
  }

  /// Looks for the connection of a TCP packet. One that is known is handed over: R8 holds the
  /// receiver's link, R4 and R5 its MAC. Others go on to `unknown`.
  void look(PacketLayout at, String known) {
    String unknown = at.label("unknown");
    String opened = at.label("opened");
    out.store(WORD, R10, KNOWN, 0)
        .store(WORD, R10, NOW, 0)
        .load(BYTE, R2, R10, FastPathCode.FLAGS)
        .jumpIf(R2, EQUAL, 0, unknown); // UDP
    stamp(unknown);
    out.load(BYTE, R2, R10, FastPathCode.FLAGS)
        .and(R2, FastPathCode.SYN_AND_ACK)
        .jumpIf(R2, EQUAL, FastPathCode.SYN, unknown);
    // Who opened has the higher port, as a rule: ask for that one first.
    out.load(HALF, R2, R7, at.ports())
        .swapBytes(R2, 16)
        .load(HALF, R3, R7, at.ports() + 2)
        .swapBytes(R3, 16)
        .jumpIf(R2, GREATER, R3, opened);
    look(at, TO_OPENER, known, unknown);
    out.label(opened);
    look(at, FROM_OPENER, known, unknown);
    out.label(unknown);
  }

  private void look(PacketLayout at, int first, String known, String unknown) {
    boolean openerFirst = first == FROM_OPENER;
    String second = at.label(openerFirst ? "then_to_opener" : "then_from_opener");
    seek(at, openerFirst, second);
    believe(openerFirst, known, unknown);
    out.label(second);
    seek(at, !openerFirst, unknown);
    believe(!openerFirst, known, unknown);
  }

  /// The place of a connection, in R0, and its first two words in R3; R1 is the place as well.
  private void seek(PacketLayout at, boolean fromOpener, String miss) {
    place(at, fromOpener ? at.source() : at.destination(), at.ports() + (fromOpener ? 0 : 2));
    open(at, miss);
    compareOpener(at, fromOpener, miss);
    out.load(HALF, R2, R1, OTHER_PORT)
        .load(HALF, R4, R7, at.ports() + (fromOpener ? 2 : 0))
        .jumpIf(R2, NOT_EQUAL, R4, miss);
    compare(at, OTHER, fromOpener ? at.destination() : at.source(), miss);
  }

  private void open(PacketLayout at, String miss) {
    lookUp(FastPathMaps.CONNECTIONS, PLACE);
    out.jumpIf(R0, EQUAL, 0, miss)
        .load(LONG, R3, R0, STATE) // and the time
        .move(R4, R3)
        .and(R4, FAMILY | WRITING)
        .jumpIf(R4, NOT_EQUAL, at.number(), miss);
    after(R3);
  }

  /// R1 is R0, but no processor reads by it before it has read that register.
  private void after(Register read) {
    out.move(R1, read).and(R1, 0).compute(ADD, R1, R0);
  }

  private void compareOpener(PacketLayout at, boolean fromOpener, String miss) {
    out.load(HALF, R2, R1, OPENER_PORT)
        .load(HALF, R4, R7, at.ports() + (fromOpener ? 0 : 2))
        .jumpIf(R2, NOT_EQUAL, R4, miss);
    compare(at, OPENER, fromOpener ? at.source() : at.destination(), miss);
  }

  private void compare(PacketLayout at, int there, int here, String miss) {
    switch (at.family()) {
      case IPV4 ->
          out.load(WORD, R2, R1, there + 12)
              .load(WORD, R4, R7, here)
              .jumpIf(R2, NOT_EQUAL, R4, miss);
      case IPV6 -> {
        for (int i = 0; i < 16; i += 8) {
          out.load(LONG, R2, R1, there + i)
              .load(LONG, R4, R7, here + i)
              .jumpIf(R2, NOT_EQUAL, R4, miss);
        }
      }
    }
  }

  /// Where a connection belongs, by who opened it. Neighbouring ports have neighbouring places, as
  /// a pod takes its ports in a row.
  private void place(PacketLayout at, int address, int port) {
    switch (at.family()) {
      case IPV4 -> out.load(WORD, R2, R7, address);
      case IPV6 ->
          out.load(LONG, R2, R7, address + 8)
              .compute(MULTIPLY, R2, SPREAD)
              .load(LONG, R4, R7, address)
              .compute(XOR, R2, R4);
    }
    out.compute(XOR, R2, new Constant(seed))
        .compute(MULTIPLY, R2, SPREAD)
        .compute(SHIFT_RIGHT, R2, new Constant(32))
        .load(HALF, R4, R7, port)
        .swapBytes(R4, 16)
        .compute(ADD, R2, R4)
        .and(R2, (1 << PLACE_BITS) - 1)
        .store(WORD, R10, PLACE, R2);
  }

  /// It is this connection. What is known must be from now, and who sends must be who lives behind
  /// this link, to the letter.
  private void believe(boolean fromOpener, String known, String unknown) {
    int senderMac = fromOpener ? OPENER_MAC : OTHER_MAC;
    int receiverMac = fromOpener ? OTHER_MAC : OPENER_MAC;
    out.store(LONG, R10, SEEN, R3)
        .store(WORD, R10, KNOWN, fromOpener ? FROM_OPENER : TO_OPENER)
        .move(R2, R3)
        .compute(SHIFT_RIGHT, R2, new Constant(32))
        .load(WORD, R4, R10, NOW)
        .jumpIf(R2, NOT_EQUAL, R4, unknown)
        .load(WORD, R2, R1, fromOpener ? OPENER_LINK : OTHER_LINK)
        .load(WORD, R4, R6, FastPathCode.LINK)
        .jumpIf(R2, NOT_EQUAL, R4, unknown)
        .load(WORD, R2, R1, senderMac)
        .load(WORD, R4, R7, 6)
        .jumpIf(R2, NOT_EQUAL, R4, unknown)
        .load(HALF, R2, R1, senderMac + 4)
        .load(HALF, R4, R7, 10)
        .jumpIf(R2, NOT_EQUAL, R4, unknown)
        .load(WORD, R8, R1, fromOpener ? OTHER_LINK : OPENER_LINK)
        .load(WORD, R4, R1, receiverMac)
        .load(HALF, R5, R1, receiverMac + 4)
        .move(R2, R8)
        .compute(XOR, R2, R4)
        .compute(XOR, R2, R5);
    after(R2);
    out.load(LONG, R2, R1, STATE).jumpIf(R2, NOT_EQUAL, R3, unknown);
    if (fromOpener) {
      out.load(BYTE, R2, R10, FastPathCode.FLAGS).and(R2, FIN_OR_RESET).jumpIf(R2, EQUAL, 0, known);
      end(known);
    } else {
      out.jump(known);
    }
  }

  /// Who opened ends the connection in R1, which R3 is about; R2 are the packet's flags for that.
  /// Its port may be used again from now on.
  private void end(String next) {
    String reset = next + "_reset_" + resets++;
    out.move(R0, R3)
        .jumpIf(R2, ANY_BIT, RESET, reset)
        .move(R2, R3)
        .compute(OR, R2, new Constant(ENDING))
        .compareExchange(WORD, R1, STATE, R2)
        .jump(next)
        .label(reset);
    forget();
    out.jump(next);
  }

  /// Gives the place in R1 back, whose first word R0 is.
  private void forget() {
    out.move(R2, R0).and(R2, ~FAMILY).compareExchange(WORD, R1, STATE, R2);
  }

  /// Writes down a connection that is being opened.
  ///
  /// @param direct whether its next packets may be handed over straight away; R8 is the receiver
  void opens(PacketLayout at, boolean direct, String next) {
    String busy = at.label("busy_" + next);
    String other = at.label("other_" + next);
    String free = at.label("free_" + next);
    place(at, at.source(), at.ports());
    lookUp(FastPathMaps.CONNECTIONS, PLACE);
    out.jumpIf(R0, EQUAL, 0, busy)
        .move(R9, R0)
        .load(WORD, R3, R9, STATE)
        .jumpIf(R3, ANY_BIT, WRITING, busy)
        .store(LONG, R10, SEEN, R3)
        .jumpIf(R3, ANY_BIT, ENDING, free)
        .move(R4, R3)
        .and(R4, FAMILY)
        .jumpIf(R4, EQUAL, 0, free)
        .jumpIf(R4, NOT_EQUAL, at.number(), other)
        .move(R1, R9);
    compareOpener(at, true, other);
    // First into the reserve: who looks for it must find it in one of the two.
    out.jump(free)
        .label(other)
        .loadMap(R1, FastPathMaps.RESERVE)
        .move(R2, R9)
        .add(R2, OPENER)
        .move(R3, R9)
        .add(R3, OPENER_PORT)
        .move(R4, 0)
        .call(BpfFunction.MAP_UPDATE_ELEM)
        .label(free)
        .load(LONG, R3, R10, SEEN)
        .move(R0, R3)
        .move(R2, R3)
        .compute(OR, R2, new Constant(WRITING))
        .compareExchange(WORD, R9, STATE, R2)
        .jumpIf(R0, NOT_EQUAL, R3, busy);
    put(at, R9, OPENER, at.source());
    put(at, R9, OTHER, at.destination());
    out.load(WORD, R2, R7, at.ports()).store(WORD, R9, OPENER_PORT, R2);
    if (direct) {
      verdict();
    } else {
      out.store(WORD, R9, TIME, 0);
    }
    out.load(LONG, R2, R10, SEEN)
        .move(R0, R2)
        .compute(OR, R0, new Constant(WRITING))
        .and(R2, ~(FAMILY | ENDING))
        .compute(OR, R2, new Constant(at.number()))
        .add(R2, NEXT_VERSION)
        .compareExchange(WORD, R9, STATE, R2)
        .jump(next)
        .label(busy);
    opener(at);
    out.load(WORD, R2, R7, at.ports()).store(WORD, R10, FastPathCode.INVERSE, R2);
    put(at, R10, FastPathCode.INVERSE + 4, at.destination());
    out.loadMap(R1, FastPathMaps.RESERVE)
        .move(R2, R10)
        .add(R2, FastPathCode.OPENING)
        .move(R3, R10)
        .add(R3, FastPathCode.INVERSE)
        .move(R4, 0)
        .call(BpfFunction.MAP_UPDATE_ELEM)
        .jump(next);
  }

  /// That the packet's sender, who opens, and the receiver in R8 reach one another directly.
  private void verdict() {
    out.load(WORD, R2, R10, NOW)
        .store(WORD, R9, TIME, R2)
        .load(WORD, R2, R6, FastPathCode.LINK)
        .store(WORD, R9, OPENER_LINK, R2)
        .load(WORD, R2, R7, 6)
        .store(WORD, R9, OPENER_MAC, R2)
        .load(HALF, R2, R7, 10)
        .store(HALF, R9, OPENER_MAC + 4, R2)
        .load(WORD, R2, R8, 0)
        .store(WORD, R9, OTHER_LINK, R2)
        .load(WORD, R2, R8, 4)
        .store(WORD, R9, OTHER_MAC, R2)
        .load(HALF, R2, R8, 8)
        .store(HALF, R9, OTHER_MAC + 4, R2);
  }

  /// Where to go on if the packet's connection is known, but not from now: if it is from who
  /// opened, or to.
  void ifKnown(String fromOpener, String toOpener) {
    out.load(WORD, R2, R10, KNOWN)
        .jumpIf(R2, EQUAL, FROM_OPENER, fromOpener)
        .jumpIf(R2, EQUAL, TO_OPENER, toOpener);
  }

  /// A connection that was known before may have stayed as it was: then what is known of it holds
  /// from now on again. R8 is the receiver.
  void renew(PacketLayout at, String next) {
    String toOpener = at.label("renew_to_opener");
    String same = at.label("same");
    out.load(WORD, R2, R10, KNOWN).jumpIf(R2, EQUAL, 0, next);
    lookUp(FastPathMaps.CONNECTIONS, PLACE);
    out.jumpIf(R0, EQUAL, 0, next)
        .move(R1, R0)
        .load(WORD, R2, R10, KNOWN)
        .jumpIf(R2, EQUAL, TO_OPENER, toOpener);
    compareEnds(true, next);
    out.jump(same).label(toOpener);
    compareEnds(false, next);
    out.label(same)
        .load(LONG, R0, R10, SEEN)
        .load(WORD, R2, R10, SEEN)
        .load(WORD, R3, R10, NOW)
        .compute(SHIFT_LEFT, R3, new Constant(32))
        .compute(OR, R2, R3)
        .compareExchange(LONG, R1, STATE, R2) // with the time, if nobody wrote meanwhile
        .jump(next);
  }

  private void compareEnds(boolean fromOpener, String different) {
    int senderMac = fromOpener ? OPENER_MAC : OTHER_MAC;
    int receiverMac = fromOpener ? OTHER_MAC : OPENER_MAC;
    out.load(WORD, R2, R1, fromOpener ? OPENER_LINK : OTHER_LINK)
        .load(WORD, R3, R6, FastPathCode.LINK)
        .jumpIf(R2, NOT_EQUAL, R3, different)
        .load(WORD, R2, R1, senderMac)
        .load(WORD, R3, R7, 6)
        .jumpIf(R2, NOT_EQUAL, R3, different)
        .load(HALF, R2, R1, senderMac + 4)
        .load(HALF, R3, R7, 10)
        .jumpIf(R2, NOT_EQUAL, R3, different)
        .load(WORD, R2, R1, fromOpener ? OTHER_LINK : OPENER_LINK)
        .load(WORD, R3, R8, 0)
        .jumpIf(R2, NOT_EQUAL, R3, different)
        .load(WORD, R2, R1, receiverMac)
        .load(WORD, R3, R8, 4)
        .jumpIf(R2, NOT_EQUAL, R3, different)
        .load(HALF, R2, R1, receiverMac + 4)
        .load(HALF, R3, R8, 8)
        .jumpIf(R2, NOT_EQUAL, R3, different);
  }

  /// Forgets a connection that the packet's sender opened, if it did.
  void ends(PacketLayout at, String next) {
    String elsewhere = at.label("elsewhere_" + next);
    seek(at, true, elsewhere);
    out.load(BYTE, R2, R10, FastPathCode.FLAGS);
    end(next);
    out.label(elsewhere);
    opener(at);
    out.loadMap(R1, FastPathMaps.RESERVE)
        .move(R2, R10)
        .add(R2, FastPathCode.OPENING)
        .call(BpfFunction.MAP_DELETE_ELEM)
        .jump(next);
  }

  /// Whether the sender has opened a connection by the same port: puts whereto into the packet's
  /// tuple, and has it looked after anew. One that it has ended is forgotten: what comes back to
  /// that port may be meant for the next.
  void clash(PacketLayout at, int tuple, String none) {
    String reserve = at.label("reserve");
    String found = at.label("found");
    place(at, at.source(), at.ports());
    open(at, reserve);
    compareOpener(at, true, reserve);
    out.jumpIf(R3, ANY_BIT, ENDING, at.label("ended"));
    whereto(at, R1, OPENER_PORT, tuple);
    after(R2);
    out.load(WORD, R4, R1, STATE)
        .compute32(XOR, R4, R3)
        .jumpIf(R4, NOT_EQUAL, 0, reserve)
        .store(WORD, R0, TIME, 0)
        .jump(found)
        .label(at.label("ended"))
        .move(R0, R3);
    forget();
    out.label(reserve);
    opener(at);
    lookUp(FastPathMaps.RESERVE, FastPathCode.OPENING);
    out.jumpIf(R0, EQUAL, 0, none);
    whereto(at, R0, 0, tuple);
    out.label(found);
  }

  /// The other's port and address, from behind our own port.
  private void whereto(PacketLayout at, Register from, int offset, int tuple) {
    int address = offset + 4 + 16 - at.addressBytes();
    out.load(HALF, R2, from, offset + 2).store(HALF, R10, tuple + 2 * at.addressBytes() + 2, R2);
    for (int i = 0; i < at.addressBytes(); i += 4) {
      out.load(WORD, R2, from, address + i).store(WORD, R10, tuple + at.addressBytes() + i, R2);
    }
  }

  private void opener(PacketLayout at) {
    put(at, R10, FastPathCode.OPENING, at.source());
    out.load(HALF, R2, R7, at.ports()).store(HALF, R10, FastPathCode.OPENING + 16, R2);
  }

  /// An address of either family as sixteen bytes (RFC 4291, section 2.5.5.2).
  private void put(PacketLayout at, Register to, int offset, int from) {
    switch (at.family()) {
      case IPV4 ->
          out.store(WORD, to, offset, 0)
              .store(WORD, to, offset + 4, 0)
              .store(WORD, to, offset + 8, 0xffff_0000)
              .load(WORD, R2, R7, from)
              .store(WORD, to, offset + 12, R2);
      case IPV6 -> {
        for (int i = 0; i < 16; i += 4) {
          out.load(WORD, R2, R7, from + i).store(WORD, to, offset + i, R2);
        }
      }
    }
  }
}
