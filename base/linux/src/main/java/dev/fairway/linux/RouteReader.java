// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

import dev.fairway.linux.RouteWire.VxlanAttribute;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.MacAddress;
import dev.fairway.net.Prefix;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// What rtnetlink dumps say, as values. Pure; bytes that make no sense give nothing.
final class RouteReader {
  private static final int IFF_UP = 1;
  private static final int IFF_LOWER_UP = 1 << 16;
  private static final int RTM_F_CLONED = 0x200;
  private static final int RTNH_F_ONLINK = 4;

  private RouteReader() {}

  private static final class LinkFields {
    String name = "";
    @Nullable MacAddress mac;
    int mtu;
    String kind = "";
    int master;
    int peer;
    int peerNamespace = -1;
    int group;
    String alias = "";
    int vni;
    int port;
    @Nullable IpAddress local;
    int underlay;
    boolean learning;
  }

  /// `struct tcmsg` and `TCA_KIND` of `linux/rtnetlink.h`
  static Optional<Integer> shapedLink(int type, NetlinkReader message) {
    boolean[] shaped = new boolean[1];
    if (type == RouteWire.NEWQDISC && message.length() >= 20) {
      message.attributes(
          20,
          (attribute, value) -> {
            if (attribute == 1) {
              shaped[0] = !value.text().equals("noqueue");
            }
          });
    }
    return shaped[0] ? Optional.of(message.u32(4)) : Optional.empty();
  }

  /// `struct ifinfomsg` and `IFLA_*` of `linux/if_link.h`
  static Optional<Link> link(int type, NetlinkReader message) {
    if (type != RouteWire.NEWLINK || message.length() < 16) {
      return Optional.empty();
    }
    LinkFields fields = new LinkFields();
    message.attributes(
        16,
        (attribute, value) -> {
          switch (attribute) {
            case 1 -> fields.mac = mac(value);
            case 3 -> fields.name = value.text();
            case 4 -> fields.mtu = value.u32(0);
            case 5 -> fields.peer = value.u32(0);
            case 10 -> fields.master = value.u32(0);
            case 18 -> linkInfo(fields, value);
            case 20 -> fields.alias = value.text();
            case 27 -> fields.group = value.u32(0);
            case 37 -> fields.peerNamespace = value.u32(0);
            default -> {}
          }
        });
    int flags = message.u32(8);
    boolean settings = fields.kind.equals("vxlan") && fields.vni >>> 24 == 0;
    return Optional.of(
        new Link(
            message.u32(4),
            fields.name,
            fields.mac,
            fields.mtu,
            (flags & IFF_UP) != 0,
            (flags & IFF_LOWER_UP) != 0,
            fields.kind,
            fields.master,
            fields.peer,
            fields.peerNamespace,
            fields.group,
            fields.alias,
            settings
                ? new Vxlan(fields.vni, fields.port, fields.local, fields.underlay, fields.learning)
                : null));
  }

  private static void linkInfo(LinkFields fields, NetlinkReader info) {
    info.attributes(
        0,
        (attribute, value) -> {
          if (attribute == 1) {
            fields.kind = value.text();
          } else if (attribute == 2 && fields.kind.equals("vxlan")) {
            value.attributes(0, (inner, setting) -> vxlan(fields, inner, setting));
          }
        });
  }

  private static void vxlan(LinkFields fields, int attribute, NetlinkReader value) {
    switch (attribute) {
      case VxlanAttribute.ID -> fields.vni = value.u32(0);
      case VxlanAttribute.LINK -> fields.underlay = value.u32(0);
      case VxlanAttribute.LOCAL, VxlanAttribute.LOCAL6 -> fields.local = address(value);
      case VxlanAttribute.LEARNING -> fields.learning = value.u8(0) != 0;
      case VxlanAttribute.PORT -> fields.port = value.bigEndian16(0);
      default -> {}
    }
  }

  /// `struct ifaddrmsg` and `IFA_*` of `linux/if_addr.h`
  static Optional<LinkAddress> address(int type, NetlinkReader message) {
    IpAddress[] found = new IpAddress[2];
    message.attributes(
        8,
        (attribute, value) -> {
          if (attribute == 1 || attribute == 2) {
            found[attribute - 1] = address(value);
          }
        });
    // The local address, where there is one, is ours; the other is then the far end's.
    IpAddress address = found[1] != null ? found[1] : found[0];
    int length = message.u8(1);
    if (type != RouteWire.NEWADDR || address == null || length > address.family().addressBits()) {
      return Optional.empty();
    }
    return Optional.of(
        new LinkAddress(message.u32(4), address, length, Scope.ofNumber(message.u8(3))));
  }

  private static final class RouteFields {
    @Nullable IpAddress destination;
    @Nullable IpAddress gateway;
    @Nullable IpAddress source;
    int link;
    int metric;
    int table;
    int mtu;
    int flags;
  }

  /// `struct rtmsg` and `RTA_*` of `linux/rtnetlink.h`. A route of several next hops shows the
  /// first.
  static Optional<Route> route(int type, NetlinkReader message) {
    IpFamily family = family(message.u8(0));
    int length = message.u8(1);
    if (type != RouteWire.NEWROUTE
        || family == null
        || length > family.addressBits()
        || (message.u32(8) & RTM_F_CLONED) != 0) {
      return Optional.empty();
    }
    RouteFields fields = new RouteFields();
    fields.table = message.u8(4);
    fields.flags = message.u32(8);
    message.attributes(12, (attribute, value) -> routeField(fields, attribute, value));
    IpAddress destination =
        fields.destination != null ? fields.destination : new IpAddress(family, 0, 0);
    boolean mixed =
        destination.family() != family
            || (fields.gateway != null && fields.gateway.family() != family);
    if (mixed) {
      return Optional.empty();
    }
    return Optional.of(
        new Route(
            new Prefix(destination, length),
            fields.link,
            fields.gateway,
            (fields.flags & RTNH_F_ONLINK) != 0,
            fields.source,
            Route.Type.ofNumber(message.u8(7)),
            Scope.ofNumber(message.u8(6)),
            fields.table,
            message.u8(5),
            fields.metric,
            fields.mtu));
  }

  private static void routeField(RouteFields fields, int attribute, NetlinkReader value) {
    switch (attribute) {
      case 1 -> fields.destination = address(value);
      case 4 -> fields.link = value.u32(0);
      case 5 -> fields.gateway = address(value);
      case 6 -> fields.metric = value.u32(0);
      case 7 -> fields.source = address(value);
      case 8 ->
          value.attributes(
              0,
              (metric, setting) -> {
                if (metric == 2) {
                  fields.mtu = setting.u32(0);
                }
              });
      case 9 -> {
        if (fields.link == 0) {
          fields.flags = value.u8(2);
          fields.link = value.u32(4);
          value.attributes(
              8,
              (inner, hop) -> {
                if (inner == 5 && fields.gateway == null) {
                  fields.gateway = address(hop);
                }
              });
        }
      }
      case 15 -> fields.table = value.u32(0);
      default -> {}
    }
  }

  private static final class NeighbourFields {
    @Nullable IpAddress destination;
    @Nullable MacAddress mac;
  }

  private static NeighbourFields neighbourFields(NetlinkReader message) {
    NeighbourFields fields = new NeighbourFields();
    message.attributes(
        12,
        (attribute, value) -> {
          if (attribute == 1) {
            fields.destination = address(value);
          } else if (attribute == 2) {
            fields.mac = mac(value);
          }
        });
    return fields;
  }

  /// `struct ndmsg` and `NDA_*` of `linux/neighbour.h`
  static Optional<Neighbour> neighbour(int type, NetlinkReader message) {
    if (type != RouteWire.NEWNEIGH || family(message.u8(0)) == null) {
      return Optional.empty();
    }
    NeighbourFields fields = neighbourFields(message);
    if (fields.destination == null) {
      return Optional.empty();
    }
    boolean permanent = (message.u16(8) & RouteWire.NUD_PERMANENT) != 0;
    return Optional.of(new Neighbour(message.u32(4), fields.destination, fields.mac, permanent));
  }

  static Optional<Forwarding> forwarding(int type, NetlinkReader message) {
    if (type != RouteWire.NEWNEIGH || message.u8(0) != RouteWire.AF_BRIDGE) {
      return Optional.empty();
    }
    NeighbourFields fields = neighbourFields(message);
    if (fields.mac == null) {
      return Optional.empty();
    }
    boolean permanent = (message.u16(8) & RouteWire.NUD_PERMANENT) != 0;
    return Optional.of(new Forwarding(message.u32(4), fields.mac, fields.destination, permanent));
  }

  private static @Nullable IpFamily family(int number) {
    for (IpFamily family : IpFamily.values()) {
      if (family.addressFamily() == number) {
        return family;
      }
    }
    return null;
  }

  private static @Nullable IpAddress address(NetlinkReader value) {
    return value.length() == 4 || value.length() == 16 ? IpAddress.ofBytes(value.bytes()) : null;
  }

  private static @Nullable MacAddress mac(NetlinkReader value) {
    return value.length() == MacAddress.BYTES ? MacAddress.ofBytes(value.bytes()) : null;
  }
}
