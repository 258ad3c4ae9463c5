// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

import dev.fairway.linux.RouteRequest.AddBridge;
import dev.fairway.linux.RouteRequest.AddRoute;
import dev.fairway.linux.RouteRequest.AddVeth;
import dev.fairway.linux.RouteRequest.AddVxlan;
import dev.fairway.linux.RouteRequest.AddWireGuard;
import dev.fairway.linux.RouteRequest.ChangeLink;
import dev.fairway.linux.RouteRequest.DeleteAddress;
import dev.fairway.linux.RouteRequest.DeleteForwarding;
import dev.fairway.linux.RouteRequest.DeleteLink;
import dev.fairway.linux.RouteRequest.DeleteLinkGroup;
import dev.fairway.linux.RouteRequest.DeleteNeighbour;
import dev.fairway.linux.RouteRequest.DeleteRoute;
import dev.fairway.linux.RouteRequest.PassLoopback;
import dev.fairway.linux.RouteRequest.PutAddress;
import dev.fairway.linux.RouteRequest.PutForwarding;
import dev.fairway.linux.RouteRequest.PutNeighbour;
import dev.fairway.linux.RouteRequest.PutRoute;
import dev.fairway.linux.RouteRequest.PutTokenBucket;
import dev.fairway.linux.RouteRequest.WithoutLinkLocal;
import dev.fairway.net.IpFamily;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/// Requests as rtnetlink messages (rtnetlink(7), `linux/rtnetlink.h`, `linux/if_link.h`,
/// `linux/neighbour.h`). Pure.
final class RouteWire {
  static final int NEWLINK = 16;
  static final int DELLINK = 17;
  static final int GETLINK = 18;
  static final int GETQDISC = 38;
  static final int NEWADDR = 20;
  static final int DELADDR = 21;
  static final int GETADDR = 22;
  static final int NEWROUTE = 24;
  static final int DELROUTE = 25;
  static final int GETROUTE = 26;
  static final int NEWNEIGH = 28;
  static final int DELNEIGH = 29;
  static final int GETNEIGH = 30;
  static final int NEWQDISC = 36;

  static final int AF_UNSPEC = 0;
  static final int AF_BRIDGE = 7;

  private static final int ACK = 4;
  private static final int REPLACE = 0x100;
  private static final int EXCLUSIVE = 0x200;
  private static final int CREATE = 0x400;
  private static final int APPEND = 0x800;

  private static final int IFF_UP = 1;
  private static final int IFLA_ADDRESS = 1;
  private static final int IFLA_IFNAME = 3;
  private static final int IFLA_MTU = 4;
  private static final int IFLA_MASTER = 10;
  private static final int IFLA_LINKINFO = 18;
  private static final int IFLA_IFALIAS = 20;
  private static final int IFLA_GROUP = 27;
  private static final int IFLA_AF_SPEC = 26;
  private static final int IFLA_NET_NS_FD = 28;
  private static final int IFLA_NUM_TX_QUEUES = 31;
  private static final int IFLA_NUM_RX_QUEUES = 32;
  private static final int INFO_KIND = 1;
  private static final int INFO_DATA = 2;
  private static final int VETH_INFO_PEER = 1;

  static final int NUD_PERMANENT = 0x80;
  static final int NUD_NOARP = 0x40;
  private static final int NTF_SELF = 2;
  private static final int NTF_MASTER = 4;

  private RouteWire() {}

  static void write(NetlinkWriter out, RouteRequest request) {
    switch (request) {
      case AddVeth veth -> addVeth(out, veth);
      case AddBridge(LinkSpec link) -> addPlain(out, link, "bridge");
      case AddWireGuard(LinkSpec link) -> addPlain(out, link, "wireguard");
      case AddVxlan(LinkSpec link, Vxlan settings) -> addVxlan(out, link, settings);
      case ChangeLink change -> changeLink(out, change);
      case DeleteLink(LinkRef link) -> {
        out.begin(DELLINK, ACK);
        linkHeader(out, link, 0, 0);
        out.end();
      }
      case DeleteLinkGroup(int group) -> {
        out.begin(DELLINK, ACK);
        linkHeader(out, 0, 0, 0);
        out.attributeU32(IFLA_GROUP, group);
        out.end();
      }
      case PutAddress(LinkAddress address) ->
          address(out, NEWADDR, ACK | CREATE | REPLACE, address);
      case DeleteAddress(LinkAddress address) -> address(out, DELADDR, ACK, address);
      case AddRoute(Route route) -> route(out, NEWROUTE, ACK | CREATE | EXCLUSIVE, route);
      case PutRoute(Route route) -> route(out, NEWROUTE, ACK | CREATE | REPLACE, route);
      case DeleteRoute(Route route) -> route(out, DELROUTE, ACK, route);
      case PutNeighbour(Neighbour neighbour) ->
          neighbour(out, NEWNEIGH, ACK | CREATE | REPLACE, neighbour);
      case DeleteNeighbour(Neighbour neighbour) -> neighbour(out, DELNEIGH, ACK, neighbour);
      case PutForwarding(Forwarding entry) -> {
        boolean oneOfMany = entry.mac().bits() == 0;
        forwarding(out, NEWNEIGH, ACK | CREATE | (oneOfMany ? APPEND : REPLACE), entry);
      }
      case DeleteForwarding(Forwarding entry) -> forwarding(out, DELNEIGH, ACK, entry);
      case PutTokenBucket(int link, TokenBucket bucket) -> tokenBucket(out, link, bucket);
      case PassLoopback(LinkRef link) -> passLoopback(out, link);
      case WithoutLinkLocal(LinkRef link) -> withoutLinkLocal(out, link);
    }
  }

  /// `struct tcmsg` and `struct tc_tbf_qopt` (`linux/pkt_sched.h`). The rate and the burst come a
  /// second time as attributes of their own, since the structure has 32 bits for the one and a unit
  /// of the scheduler's clock for the other; a link layer that is named saves the table of rates.
  private static void tokenBucket(NetlinkWriter out, int link, TokenBucket bucket) {
    byte ethernet = 1;
    out.begin(NEWQDISC, ACK | CREATE | REPLACE);
    out.u8(AF_UNSPEC);
    out.u8(0);
    out.u16(0);
    out.u32(link);
    out.u32(1 << 16); // its handle, 1:
    out.u32(0xffff_ffff); // the root of the link
    out.u32(0);
    out.attributeText(1, "tbf");
    out.nest(2);
    out.attribute(
        TokenBucketAttribute.PARAMETERS,
        ByteBuffer.allocate(36)
            .order(ByteOrder.nativeOrder())
            .put(1, ethernet)
            .putInt(8, (int) Math.min(bucket.rate(), 0xffff_ffffL))
            .putInt(24, bucket.limit())
            .array());
    out.attribute(
        TokenBucketAttribute.RATE64,
        ByteBuffer.allocate(8).order(ByteOrder.nativeOrder()).putLong(bucket.rate()).array());
    out.attributeU32(TokenBucketAttribute.BURST, bucket.burst());
    out.unnest();
    out.end();
  }

  /// `TCA_TBF_*`
  private static final class TokenBucketAttribute {
    static final int PARAMETERS = 1;
    static final int RATE64 = 4;
    static final int BURST = 6;
  }

  private static void passLoopback(NetlinkWriter out, LinkRef link) {
    int inetFamily = 2;
    int inetSettings = 1;
    int routeLocalnet = 26; // IPV4_DEVCONF_ROUTE_LOCALNET of linux/ip.h
    out.begin(NEWLINK, ACK);
    linkHeader(out, link, 0, 0);
    out.nest(IFLA_AF_SPEC);
    out.nest(inetFamily);
    out.nest(inetSettings);
    out.attributeU32(routeLocalnet, 1);
    out.unnest();
    out.unnest();
    out.unnest();
    out.end();
  }

  private static void withoutLinkLocal(NetlinkWriter out, LinkRef link) {
    int inet6Family = 10;
    int addressGeneration = 8; // IFLA_INET6_ADDR_GEN_MODE of linux/if_link.h
    int none = 1;
    out.begin(NEWLINK, ACK);
    linkHeader(out, link, 0, 0);
    out.nest(IFLA_AF_SPEC);
    out.nest(inet6Family);
    out.attributeU8(addressGeneration, none);
    out.unnest();
    out.unnest();
    out.end();
  }

  private static void addPlain(NetlinkWriter out, LinkSpec link, String kind) {
    beginNewLink(out, link);
    out.nest(IFLA_LINKINFO);
    out.attributeText(INFO_KIND, kind);
    out.unnest();
    out.end();
  }

  private static void addVeth(NetlinkWriter out, AddVeth veth) {
    beginNewLink(out, veth.link());
    out.nest(IFLA_LINKINFO);
    out.attributeText(INFO_KIND, "veth");
    out.nest(INFO_DATA);
    out.nest(VETH_INFO_PEER);
    linkHeader(out, veth.peer().index(), 0, 0);
    linkAttributes(out, veth.peer());
    out.unnest();
    out.unnest();
    out.unnest();
    out.end();
  }

  private static void addVxlan(NetlinkWriter out, LinkSpec link, Vxlan settings) {
    beginNewLink(out, link);
    out.nest(IFLA_LINKINFO);
    out.attributeText(INFO_KIND, "vxlan");
    out.nest(INFO_DATA);
    out.attributeU32(VxlanAttribute.ID, settings.vni());
    out.attributeBigEndian16(VxlanAttribute.PORT, settings.port());
    out.attributeU8(VxlanAttribute.LEARNING, settings.learning() ? 1 : 0);
    if (settings.underlay() != 0) {
      out.attributeU32(VxlanAttribute.LINK, settings.underlay());
    }
    if (settings.local() != null) {
      boolean four = settings.local().family() == IpFamily.IPV4;
      out.attribute(four ? VxlanAttribute.LOCAL : VxlanAttribute.LOCAL6, settings.local().bytes());
    }
    out.unnest();
    out.unnest();
    out.end();
  }

  /// `IFLA_VXLAN_*`
  static final class VxlanAttribute {
    static final int ID = 1;
    static final int LINK = 3;
    static final int LOCAL = 4;
    static final int LEARNING = 7;
    static final int PORT = 15;
    static final int LOCAL6 = 17;

    private VxlanAttribute() {}
  }

  private static void beginNewLink(NetlinkWriter out, LinkSpec link) {
    out.begin(NEWLINK, ACK | CREATE | EXCLUSIVE);
    linkHeader(out, link.index(), link.up() ? IFF_UP : 0, link.up() ? IFF_UP : 0);
    linkAttributes(out, link);
  }

  private static void linkAttributes(NetlinkWriter out, LinkSpec link) {
    out.attributeText(IFLA_IFNAME, link.name());
    if (link.mac() != null) {
      out.attribute(IFLA_ADDRESS, link.mac().bytes());
    }
    if (link.mtu() != 0) {
      out.attributeU32(IFLA_MTU, link.mtu());
    }
    if (link.master() != 0) {
      out.attributeU32(IFLA_MASTER, link.master());
    }
    if (link.group() != 0) {
      out.attributeU32(IFLA_GROUP, link.group());
    }
    if (link.queues() != 0) {
      out.attributeU32(IFLA_NUM_TX_QUEUES, link.queues());
      out.attributeU32(IFLA_NUM_RX_QUEUES, link.queues());
    }
    if (link.namespace() != null) {
      out.attributeU32(IFLA_NET_NS_FD, link.namespace().fd().number());
    }
  }

  private static void changeLink(NetlinkWriter out, ChangeLink change) {
    out.begin(NEWLINK, ACK);
    Boolean up = change.up();
    linkHeader(out, change.link(), up != null && up ? IFF_UP : 0, up != null ? IFF_UP : 0);
    if (change.mtu() != null) {
      out.attributeU32(IFLA_MTU, change.mtu());
    }
    if (change.master() != null) {
      out.attributeU32(IFLA_MASTER, change.master());
    }
    if (change.mac() != null) {
      out.attribute(IFLA_ADDRESS, change.mac().bytes());
    }
    if (change.name() != null) {
      out.attributeText(IFLA_IFNAME, change.name());
    }
    if (change.group() != null) {
      out.attributeU32(IFLA_GROUP, change.group());
    }
    if (change.alias() != null) {
      out.attributeText(IFLA_IFALIAS, change.alias());
    }
    if (change.namespace() != null) {
      out.attributeU32(IFLA_NET_NS_FD, change.namespace().fd().number());
    }
    out.end();
  }

  /// A link that is named by its name needs the name as an attribute, which therefore cannot be a
  /// new name: renaming goes by index.
  private static void linkHeader(NetlinkWriter out, LinkRef link, int flags, int changeMask) {
    switch (link) {
      case LinkRef.ByIndex(int index) -> linkHeader(out, index, flags, changeMask);
      case LinkRef.ByName(String name) -> {
        linkHeader(out, 0, flags, changeMask);
        out.attributeText(IFLA_IFNAME, name);
      }
    }
  }

  /// `struct ifinfomsg`
  static void linkHeader(NetlinkWriter out, int index, int flags, int changeMask) {
    out.u8(AF_UNSPEC);
    out.u8(0);
    out.u16(0);
    out.u32(index);
    out.u32(flags);
    out.u32(changeMask);
  }

  /// `struct ifaddrmsg`
  private static void address(NetlinkWriter out, int type, int flags, LinkAddress address) {
    out.begin(type, flags);
    boolean six = address.address().family() == IpFamily.IPV6;
    int noDuplicateDetection = 2;
    out.u8(address.address().family().addressFamily());
    out.u8(address.prefixLength());
    out.u8(six ? noDuplicateDetection : 0);
    out.u8(address.scope().number());
    out.u32(address.link());
    byte[] bytes = address.address().bytes();
    out.attribute(1, bytes);
    out.attribute(2, bytes);
    out.end();
  }

  /// `struct rtmsg`
  private static void route(NetlinkWriter out, int type, int flags, Route route) {
    if (route.type() == Route.Type.OTHER) {
      throw new IllegalArgumentException("route type OTHER cannot be asked for: " + route);
    }
    boolean delete = type == DELROUTE;
    out.begin(type, flags);
    out.u8(route.destination().family().addressFamily());
    out.u8(route.destination().length());
    out.u8(0);
    out.u8(0);
    out.u8(route.table() < 256 ? route.table() : 0);
    // In a delete, too: IPv6 else takes any route there whose next hop is an object
    // (`ip6_route_del`).
    out.u8(route.protocol());
    // 255 stands for "any" in a delete.
    out.u8(delete ? Scope.NOWHERE.number() : route.scope().number());
    out.u8(route.type().number());
    out.u32(route.onlink() ? 4 : 0);
    if (route.destination().length() > 0) {
      out.attribute(1, route.destination().address().bytes());
    }
    if (route.link() != 0) {
      out.attributeU32(4, route.link());
    }
    if (route.gateway() != null) {
      out.attribute(5, route.gateway().bytes());
    }
    if (route.metric() != 0) {
      out.attributeU32(6, route.metric());
    }
    if (route.source() != null && !delete) {
      out.attribute(7, route.source().bytes());
    }
    if (route.mtu() != 0 && !delete) {
      out.nest(8);
      out.attributeU32(2, route.mtu());
      out.unnest();
    }
    out.attributeU32(15, route.table());
    out.end();
  }

  private static void neighbour(NetlinkWriter out, int type, int flags, Neighbour neighbour) {
    out.begin(type, flags);
    neighbourHeader(
        out, neighbour.address().family().addressFamily(), neighbour.link(), NUD_PERMANENT, 0);
    out.attribute(1, neighbour.address().bytes());
    if (neighbour.mac() != null) {
      out.attribute(2, neighbour.mac().bytes());
    }
    out.end();
  }

  private static void forwarding(NetlinkWriter out, int type, int flags, Forwarding entry) {
    out.begin(type, flags);
    int owner = entry.destination() != null ? NTF_SELF : NTF_MASTER;
    neighbourHeader(out, AF_BRIDGE, entry.link(), NUD_PERMANENT | NUD_NOARP, owner);
    out.attribute(2, entry.mac().bytes());
    if (entry.destination() != null) {
      out.attribute(1, entry.destination().bytes());
    }
    out.end();
  }

  /// `struct ndmsg`
  static void neighbourHeader(NetlinkWriter out, int family, int link, int state, int flags) {
    out.u8(family);
    out.u8(0);
    out.u16(0);
    out.u32(link);
    out.u16(state);
    out.u8(flags);
    out.u8(0);
  }

  /// Whether an error only says that what was to be deleted is not there.
  static boolean absentIsFine(RouteRequest request, int errno) {
    return switch (request) {
      case DeleteLink _, DeleteLinkGroup _ -> errno == Errno.ENODEV;
      case DeleteAddress _ -> errno == Errno.EADDRNOTAVAIL || errno == Errno.ENODEV;
      case DeleteRoute _ -> errno == Errno.ESRCH || errno == Errno.ENODEV;
      case DeleteNeighbour _, DeleteForwarding _ -> errno == Errno.ENOENT || errno == Errno.ENODEV;
      // The same destination of the all-zero address a second time.
      case PutForwarding(Forwarding entry) -> errno == Errno.EEXIST && entry.mac().bits() == 0;
      case AddVeth _,
          AddBridge _,
          AddVxlan _,
          AddWireGuard _,
          ChangeLink _,
          PutAddress _,
          AddRoute _,
          PutRoute _,
          PutNeighbour _,
          PutTokenBucket _,
          PassLoopback _,
          WithoutLinkLocal _ ->
          false;
    };
  }

  /// The message's name in the manual page.
  static String call(RouteRequest request) {
    return switch (request) {
      case AddVeth _,
          AddBridge _,
          AddVxlan _,
          AddWireGuard _,
          ChangeLink _,
          PassLoopback _,
          WithoutLinkLocal _ ->
          "RTM_NEWLINK";
      case DeleteLink _, DeleteLinkGroup _ -> "RTM_DELLINK";
      case PutAddress _ -> "RTM_NEWADDR";
      case DeleteAddress _ -> "RTM_DELADDR";
      case AddRoute _, PutRoute _ -> "RTM_NEWROUTE";
      case DeleteRoute _ -> "RTM_DELROUTE";
      case PutNeighbour _, PutForwarding _ -> "RTM_NEWNEIGH";
      case DeleteNeighbour _, DeleteForwarding _ -> "RTM_DELNEIGH";
      case PutTokenBucket _ -> "RTM_NEWQDISC";
    };
  }
}
