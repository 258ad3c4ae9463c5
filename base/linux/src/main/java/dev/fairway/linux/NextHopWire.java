// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// Next hop objects and the routes that use them as rtnetlink messages (`linux/nexthop.h`,
/// `linux/rtnetlink.h`). Pure.
final class NextHopWire {
  static final int NEWNEXTHOP = 104;
  static final int DELNEXTHOP = 105;
  static final int GETNEXTHOP = 106;
  static final int ACK = 4;
  private static final int REPLACE = 0x100;
  private static final int CREATE = 0x400;
  private static final int ONLINK = 4;
  private static final int NHA_ID = 1;
  private static final int NHA_GROUP = 2;
  private static final int NHA_OIF = 5;
  private static final int NHA_GATEWAY = 6;
  private static final int RTA_DST = 1;
  private static final int RTA_PRIORITY = 6;
  private static final int RTA_TABLE = 15;
  private static final int RTA_NH_ID = 30;
  private static final int MEMBER_BYTES = 8;

  private NextHopWire() {}

  static void put(NetlinkWriter out, NextHop hop) {
    out.begin(NEWNEXTHOP, ACK | CREATE | REPLACE);
    switch (hop) {
      case NextHop.Gateway gateway -> {
        IpFamily family = gateway.address().family();
        header(out, family.addressFamily(), hop.protocol(), gateway.onlink() ? ONLINK : 0);
        out.attributeU32(NHA_ID, hop.id());
        out.attributeU32(NHA_OIF, gateway.link());
        out.attribute(NHA_GATEWAY, gateway.address().bytes());
      }
      case NextHop.Group group -> {
        header(out, RouteWire.AF_UNSPEC, hop.protocol(), 0);
        out.attributeU32(NHA_ID, hop.id());
        ByteBuffer members =
            ByteBuffer.allocate(MEMBER_BYTES * group.members().size())
                .order(ByteOrder.nativeOrder());
        for (int member : group.members()) {
          members.putInt(member).putInt(0); // weight 0 stands for 1
        }
        out.attribute(NHA_GROUP, members.array());
      }
    }
    out.end();
  }

  static void delete(NetlinkWriter out, int id) {
    out.begin(DELNEXTHOP, ACK);
    header(out, RouteWire.AF_UNSPEC, 0, 0);
    out.attributeU32(NHA_ID, id);
    out.end();
  }

  static void dump(NetlinkWriter out) {
    out.begin(GETNEXTHOP, 0);
    header(out, RouteWire.AF_UNSPEC, 0, 0);
    out.end();
  }

  /// `struct nhmsg`
  private static void header(NetlinkWriter out, int family, int protocol, int flags) {
    out.u8(family);
    out.u8(0);
    out.u8(protocol);
    out.u8(0);
    out.u32(flags);
  }

  static Optional<NextHop> read(int type, NetlinkReader message) {
    int[] numbers = new int[2];
    IpAddress[] gateway = new IpAddress[1];
    List<Integer> members = new ArrayList<>();
    message.attributes(
        8,
        (attribute, value) -> {
          switch (attribute) {
            case NHA_ID -> numbers[0] = value.u32(0);
            case NHA_OIF -> numbers[1] = value.u32(0);
            case NHA_GATEWAY -> {
              if (value.length() == 4 || value.length() == 16) {
                gateway[0] = IpAddress.ofBytes(value.bytes());
              }
            }
            case NHA_GROUP -> {
              for (int at = 0; at + MEMBER_BYTES <= value.length(); at += MEMBER_BYTES) {
                members.add(value.u32(at));
              }
            }
            default -> {}
          }
        });
    int protocol = message.u8(2);
    if (type != NEWNEXTHOP || numbers[0] <= 0) {
      return Optional.empty();
    }
    if (!members.isEmpty() && members.size() <= 256) {
      return Optional.of(new NextHop.Group(numbers[0], protocol, members));
    }
    boolean onlink = (message.u32(4) & ONLINK) != 0;
    return Optional.ofNullable(gateway[0])
        .map(address -> new NextHop.Gateway(numbers[0], protocol, address, numbers[1], onlink));
  }

  /// Makes a prefix go to a next hop, whatever it did before; answers only what failed.
  static void putRoute(NetlinkWriter out, RouteSet set, Prefix destination, int hop) {
    out.begin(RouteWire.NEWROUTE, CREATE | REPLACE);
    route(out, set, destination, set.protocol(), Scope.UNIVERSE.number());
    out.attributeU32(RTA_NH_ID, hop);
    out.end();
  }

  static void deleteRoute(NetlinkWriter out, RouteSet set, Prefix destination) {
    out.begin(RouteWire.DELROUTE, 0);
    route(out, set, destination, set.protocol(), Scope.NOWHERE.number());
    out.end();
  }

  /// `struct rtmsg`
  private static void route(
      NetlinkWriter out, RouteSet set, Prefix destination, int protocol, int scope) {
    out.u8(destination.family().addressFamily());
    out.u8(destination.length());
    out.u8(0);
    out.u8(0);
    out.u8(set.table() < 256 ? set.table() : 0);
    out.u8(protocol);
    out.u8(scope);
    out.u8(Route.Type.UNICAST.number());
    out.u32(0);
    if (destination.length() > 0) {
      out.attribute(RTA_DST, destination.address().bytes());
    }
    out.attributeU32(RTA_PRIORITY, set.metric());
    out.attributeU32(RTA_TABLE, set.table());
  }

  /// Gives the prefix and next hop of a route of the set, nothing for any other.
  static void readRoute(NetlinkReader message, RouteSet set, RouteVisitor visitor) {
    IpAddress[] destination = new IpAddress[1];
    int[] numbers = {0, 0, message.u8(4)};
    message.attributes(
        12,
        (attribute, value) -> {
          switch (attribute) {
            case RTA_DST -> {
              if (value.length() == 4 || value.length() == 16) {
                destination[0] = IpAddress.ofBytes(value.bytes());
              }
            }
            case RTA_PRIORITY -> numbers[0] = value.u32(0);
            case RTA_NH_ID -> numbers[1] = value.u32(0);
            case RTA_TABLE -> numbers[2] = value.u32(0);
            default -> {}
          }
        });
    int family = message.u8(0);
    boolean known = family == 2 || family == 10;
    if (!known
        || message.u8(5) != set.protocol()
        || numbers[0] != set.metric()
        || numbers[2] != set.table()) {
      return;
    }
    IpAddress address =
        destination[0] != null
            ? destination[0]
            : new IpAddress(IpFamily.ofAddressFamily(family), 0, 0);
    int length = message.u8(1);
    if (length <= address.family().addressBits()) {
      visitor.route(new Prefix(address, length), numbers[1]);
    }
  }

  @FunctionalInterface
  interface RouteVisitor {
    void route(Prefix destination, int hop);
  }
}
