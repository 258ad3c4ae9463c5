// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.ebpf;

import static dev.fairway.linux.bpf.BpfInstruction.Register.R0;
import static dev.fairway.linux.bpf.BpfInstruction.Register.R1;
import static dev.fairway.linux.bpf.BpfInstruction.Register.R10;
import static dev.fairway.linux.bpf.BpfInstruction.Register.R2;
import static dev.fairway.linux.bpf.BpfInstruction.Register.R3;
import static dev.fairway.linux.bpf.BpfInstruction.Register.R4;
import static dev.fairway.linux.bpf.BpfInstruction.Register.R6;
import static dev.fairway.linux.bpf.BpfInstruction.Register.R7;
import static dev.fairway.linux.bpf.BpfInstruction.Register.R8;
import static dev.fairway.linux.bpf.BpfInstruction.Register.R9;

import dev.fairway.linux.bpf.BpfAssembler;
import dev.fairway.linux.bpf.BpfCode;
import dev.fairway.linux.bpf.BpfFunction;
import dev.fairway.linux.bpf.BpfInstruction.Condition;
import dev.fairway.linux.bpf.BpfInstruction.Constant;
import dev.fairway.linux.bpf.BpfInstruction.Operation;
import dev.fairway.linux.bpf.BpfInstruction.Register;
import dev.fairway.linux.bpf.BpfInstruction.Width;
import dev.fairway.net.IpFamily;

/// The programs themselves. R6 is the kernel's `struct bpf_sock_addr`, R7 what happens at the
/// front, R8 how long a client keeps its endpoint.
///
/// What lies on the stack lies so that the keys of the maps are parts of it: a client's is client
/// and front, a member's front and endpoint, a peer's endpoint and cookie.
final class SocketCode {
  private static final int USER_IP4 = 4;
  private static final int USER_IP6 = 8;
  private static final int USER_PORT = 24;
  private static final int PROTOCOL = 36;

  private static final int COOKIE = -8;
  private static final int ENDPOINT = -32;
  private static final int FRONT = -56;
  private static final int CLIENT = -72;
  private static final int PLACE = -80;
  private static final int PORT = 16;

  /// A client that is a network namespace, or else a socket.
  private static final int NAMESPACE = 0;

  private static final int SOCKET = 1;

  /// A socket that sends datagrams keeps an endpoint for 2^37 ns, 137 s: about what connection
  /// tracking gives it.
  private static final int DATAGRAM_TIME_BITS = 37;

  private final BpfAssembler out = new BpfAssembler();
  private final IpFamily family;

  private SocketCode(IpFamily family) {
    this.family = family;
  }

  /// Puts an endpoint's address in the place of a Service's.
  ///
  /// @param datagrams whether for sendmsg(2) on a socket that is not connected
  static BpfCode forth(IpFamily family, boolean datagrams) {
    return new SocketCode(family).choose(datagrams);
  }

  /// Puts the Service's address in the place of the endpoint's that it led to.
  static BpfCode back(IpFamily family) {
    return new SocketCode(family).answer();
  }

  private BpfCode choose(boolean datagrams) {
    out.move(R6, R1);
    readAddress(FRONT);
    out.load(Width.WORD, R2, R6, USER_PORT)
        .load(Width.WORD, R3, R6, PROTOCOL)
        .compute(Operation.SHIFT_LEFT, R3, new Constant(16))
        .compute(Operation.OR, R2, R3)
        .store(Width.WORD, R10, FRONT + PORT, R2)
        .store(Width.WORD, R10, FRONT + PORT + 4, 0);
    lookUp(SocketMaps.FRONTS, FRONT, "out");
    out.move(R7, R0).load(Width.LONG, R8, R7, 8);
    findKept(datagrams);
    pick();
    out.label("chosen").jumpIf(R8, Condition.EQUAL, 0, "write");
    out.call(BpfFunction.KTIME_GET_NS).store(Width.LONG, R10, COOKIE, R0);
    update(SocketMaps.CLIENTS, CLIENT, ENDPOINT);
    out.label("write").move(R1, R6).call(BpfFunction.GET_SOCKET_COOKIE);
    out.store(Width.LONG, R10, COOKIE, R0);
    update(SocketMaps.PEERS, ENDPOINT, FRONT);
    writeAddress(R10, ENDPOINT);
    return end();
  }

  /// Takes the endpoint that this client had, if it still counts.
  private void findKept(boolean datagrams) {
    if (datagrams) {
      out.jumpIf(R8, Condition.NOT_EQUAL, 0, "namespace")
          .move(R8, 1)
          .compute(Operation.SHIFT_LEFT, R8, new Constant(DATAGRAM_TIME_BITS))
          .store(Width.LONG, R10, CLIENT + 8, SOCKET)
          .move(R1, R6)
          .call(BpfFunction.GET_SOCKET_COOKIE)
          .jump("known")
          .label("namespace");
    } else {
      out.jumpIf(R8, Condition.EQUAL, 0, "pick");
    }
    out.store(Width.LONG, R10, CLIENT + 8, NAMESPACE)
        .move(R1, R6)
        .call(BpfFunction.GET_NETNS_COOKIE)
        .label("known")
        .store(Width.LONG, R10, CLIENT, R0);
    lookUp(SocketMaps.CLIENTS, CLIENT, "pick");
    out.move(R9, R0)
        .call(BpfFunction.KTIME_GET_NS)
        .load(Width.LONG, R1, R9, 24)
        .compute(Operation.SUBTRACT, R0, R1)
        .jumpIf(R0, Condition.GREATER, R8, "pick");
    copyEndpoint(R9);
    lookUp(SocketMaps.MEMBERS, FRONT, "pick");
    out.jump("chosen");
  }

  private void pick() {
    out.label("pick")
        .call(BpfFunction.GET_PRANDOM_U32)
        .load(Width.WORD, R1, R7, 4)
        .compute32(Operation.MODULO, R0, R1)
        .store(Width.WORD, R10, PLACE + 4, R0)
        .load(Width.WORD, R1, R7, 0)
        .store(Width.WORD, R10, PLACE, R1);
    lookUp(SocketMaps.ENDPOINTS, PLACE, "out");
    copyEndpoint(R0);
  }

  private BpfCode answer() {
    out.move(R6, R1);
    readAddress(ENDPOINT);
    out.load(Width.WORD, R2, R6, USER_PORT)
        .store(Width.WORD, R10, ENDPOINT + PORT, R2)
        .store(Width.WORD, R10, ENDPOINT + PORT + 4, 0)
        .move(R1, R6)
        .call(BpfFunction.GET_SOCKET_COOKIE)
        .store(Width.LONG, R10, COOKIE, R0);
    lookUp(SocketMaps.PEERS, ENDPOINT, "out");
    out.move(R7, R0);
    writeAddress(R7, 0);
    return end();
  }

  private BpfCode end() {
    return out.label("out").move(R0, 1).exit().code();
  }

  private void readAddress(int to) {
    if (family == IpFamily.IPV4) {
      out.store(Width.LONG, R10, to, 0)
          .store(Width.WORD, R10, to + 8, 0xffff_0000)
          .load(Width.WORD, R2, R6, USER_IP4)
          .store(Width.WORD, R10, to + 12, R2);
      return;
    }
    for (int word = 0; word < 16; word += 4) {
      out.load(Width.WORD, R2, R6, USER_IP6 + word).store(Width.WORD, R10, to + word, R2);
    }
  }

  private void writeAddress(Register from, int at) {
    if (family == IpFamily.IPV4) {
      out.load(Width.WORD, R2, from, at + 12).store(Width.WORD, R6, USER_IP4, R2);
    } else {
      for (int word = 0; word < 16; word += 4) {
        out.load(Width.WORD, R2, from, at + word).store(Width.WORD, R6, USER_IP6 + word, R2);
      }
    }
    out.load(Width.HALF, R2, from, at + PORT).store(Width.WORD, R6, USER_PORT, R2);
  }

  private void copyEndpoint(Register from) {
    for (int at = 0; at < 24; at += 8) {
      out.load(Width.LONG, R2, from, at).store(Width.LONG, R10, ENDPOINT + at, R2);
    }
  }

  private void lookUp(String map, int key, String otherwise) {
    out.loadMap(R1, map).move(R2, R10).add(R2, key).call(BpfFunction.MAP_LOOKUP_ELEM);
    out.jumpIf(R0, Condition.EQUAL, 0, otherwise);
  }

  private void update(String map, int key, int value) {
    out.loadMap(R1, map)
        .move(R2, R10)
        .add(R2, key)
        .move(R3, R10)
        .add(R3, value)
        .move(R4, 0)
        .call(BpfFunction.MAP_UPDATE_ELEM);
  }
}
