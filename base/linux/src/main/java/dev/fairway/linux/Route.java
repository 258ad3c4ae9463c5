// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import org.jspecify.annotations.Nullable;

/// A route: `Route.to(prefix).via(gateway).on(link)`. The same value asks for one and is what a
/// dump gives.
///
/// @param destination which addresses it is for; /0 is the default route
/// @param link index of the link it leaves by, 0 for none
/// @param gateway the next hop, null where the destination is on the link
/// @param onlink whether to believe that the gateway is on the link, without looking it up
/// @param source the address to send from by default, null to let the kernel choose
/// @param type what happens to a packet
/// @param scope how far the target is; the kernel keeps none for IPv6 and shows UNIVERSE
/// @param table routing table number; 254 is `main`, 255 `local`
/// @param protocol who made it: 2 kernel, 3 boot, 4 static (`/etc/iproute2/rt_protos`). Give what
///   is yours a number of its own and pruning never has to guess
/// @param metric smaller wins; IPv6 turns 0 into 1024
/// @param mtu bytes for packets on this route, 0 for the link's
public record Route(
    Prefix destination,
    int link,
    @Nullable IpAddress gateway,
    boolean onlink,
    @Nullable IpAddress source,
    Type type,
    Scope scope,
    int table,
    int protocol,
    int metric,
    int mtu) {
  public static final int TABLE_MAIN = 254;
  public static final int TABLE_LOCAL = 255;
  public static final int PROTOCOL_KERNEL = 2;
  public static final int PROTOCOL_STATIC = 4;

  public Route {
    if (gateway != null && gateway.family() != destination.family()) {
      throw new IllegalArgumentException(
          "the route to " + destination + " has a gateway of the other family: " + gateway);
    }
  }

  /// What happens to a packet (`RTN_*` of `linux/rtnetlink.h`).
  public enum Type {
    UNICAST(1),
    LOCAL(2),
    BROADCAST(3),
    ANYCAST(4),
    MULTICAST(5),
    BLACKHOLE(6),
    UNREACHABLE(7),
    PROHIBIT(8),
    THROW(9),
    /// A number without a name here; it can be read but not be asked for.
    OTHER(0);

    private final int number;

    Type(int number) {
      this.number = number;
    }

    int number() {
      return number;
    }

    static Type ofNumber(int number) {
      for (Type type : values()) {
        if (type.number == number) {
          return type;
        }
      }
      return OTHER;
    }
  }

  /// A static unicast route of the main table, of link scope until it gets a gateway.
  public static Route to(Prefix destination) {
    return new Route(
        destination,
        0,
        null,
        false,
        null,
        Type.UNICAST,
        Scope.LINK,
        TABLE_MAIN,
        PROTOCOL_STATIC,
        0,
        0);
  }

  public Route on(int linkIndex) {
    return new Route(
        destination, linkIndex, gateway, onlink, source, type, scope, table, protocol, metric, mtu);
  }

  public Route via(IpAddress nextHop) {
    return new Route(
        destination,
        link,
        nextHop,
        onlink,
        source,
        type,
        Scope.UNIVERSE,
        table,
        protocol,
        metric,
        mtu);
  }

  public Route withOnlink() {
    return new Route(
        destination, link, gateway, true, source, type, scope, table, protocol, metric, mtu);
  }

  public Route from(IpAddress preferred) {
    return new Route(
        destination, link, gateway, onlink, preferred, type, scope, table, protocol, metric, mtu);
  }

  /// Also sets the scope that goes with the type.
  public Route of(Type chosen) {
    Scope fitting =
        switch (chosen) {
          case LOCAL -> Scope.HOST;
          case UNICAST, BROADCAST, ANYCAST -> gateway == null ? Scope.LINK : Scope.UNIVERSE;
          case MULTICAST, BLACKHOLE, UNREACHABLE, PROHIBIT, THROW, OTHER -> Scope.UNIVERSE;
        };
    return new Route(
        destination, link, gateway, onlink, source, chosen, fitting, table, protocol, metric, mtu);
  }

  public Route withScope(Scope chosen) {
    return new Route(
        destination, link, gateway, onlink, source, type, chosen, table, protocol, metric, mtu);
  }

  public Route inTable(int number) {
    return new Route(
        destination, link, gateway, onlink, source, type, scope, number, protocol, metric, mtu);
  }

  public Route withProtocol(int number) {
    return new Route(
        destination, link, gateway, onlink, source, type, scope, table, number, metric, mtu);
  }

  public Route withMetric(int priority) {
    return new Route(
        destination, link, gateway, onlink, source, type, scope, table, protocol, priority, mtu);
  }

  public Route withMtu(int bytes) {
    return new Route(
        destination, link, gateway, onlink, source, type, scope, table, protocol, metric, bytes);
  }
}
