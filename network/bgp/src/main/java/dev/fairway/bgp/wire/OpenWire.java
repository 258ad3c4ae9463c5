// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp.wire;

import static dev.fairway.bgp.wire.Octets.UNICAST;
import static dev.fairway.bgp.wire.Octets.afi;
import static dev.fairway.bgp.wire.Octets.u16;
import static dev.fairway.bgp.wire.Octets.u32;
import static dev.fairway.bgp.wire.Octets.u8;

import dev.fairway.bgp.wire.Capability.EnhancedRouteRefresh;
import dev.fairway.bgp.wire.Capability.ExtendedMessages;
import dev.fairway.bgp.wire.Capability.ExtendedNextHop;
import dev.fairway.bgp.wire.Capability.FourOctetAs;
import dev.fairway.bgp.wire.Capability.GracefulRestart;
import dev.fairway.bgp.wire.Capability.MultiProtocol;
import dev.fairway.bgp.wire.Capability.RouteRefresh;
import dev.fairway.bgp.wire.Capability.Unknown;
import dev.fairway.bgp.wire.Message.Open;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// The OPEN message and its capabilities (RFC 4271 4.2, RFC 5492, RFC 9072).
final class OpenWire {
  private static final int VERSION = 4;
  private static final int PARAMETER_CAPABILITIES = 2;
  private static final int EXTENDED_PARAMETERS = 255; // RFC 9072 2

  private static final int MULTI_PROTOCOL = 1;
  private static final int ROUTE_REFRESH = 2;
  private static final int EXTENDED_NEXT_HOP = 5;
  private static final int EXTENDED_MESSAGES = 6;
  private static final int GRACEFUL_RESTART = 64;
  private static final int FOUR_OCTET_AS = 65;
  private static final int ENHANCED_ROUTE_REFRESH = 70;

  private static final int RESTARTING = 0x8000;
  private static final int RESTART_SECONDS = 0x0fff;
  private static final int PRESERVED = 0x80;

  private OpenWire() {}

  static Open read(ByteBuffer from) throws ProtocolException {
    int version = u8(from);
    if (version != VERSION) {
      throw new ProtocolException(
          new Notification(Notification.OPEN, 1, new byte[] {0, VERSION}),
          "OPEN of version " + version);
    }
    long as = u16(from);
    int holdSeconds = u16(from);
    if (holdSeconds == 1 || holdSeconds == 2) {
      throw new ProtocolException(
          Notification.OPEN, 6, "OPEN with a hold time of " + holdSeconds + " s");
    }
    IpAddress id = Octets.ipv4(from);
    List<Capability> capabilities = parameters(from);
    for (Capability capability : capabilities) {
      if (capability instanceof FourOctetAs(long wide)) {
        as = wide;
      }
    }
    if (id.isUnspecified()) {
      throw new ProtocolException(Notification.OPEN, 3, "OPEN with BGP identifier " + id);
    }
    if (as == 0) {
      throw new ProtocolException(Notification.OPEN, 2, "OPEN with AS 0");
    }
    return new Open(as, holdSeconds, id, capabilities);
  }

  private static List<Capability> parameters(ByteBuffer from) throws ProtocolException {
    int length = u8(from);
    boolean extended = false;
    if (length == EXTENDED_PARAMETERS
        && from.remaining() >= 3
        && (from.get(from.position()) & 0xff) == EXTENDED_PARAMETERS) {
      extended = true;
      from.get();
      length = u16(from);
    }
    if (length != from.remaining()) {
      throw new ProtocolException(Notification.OPEN, 0, "OPEN with parameters of a wrong length");
    }
    List<Capability> capabilities = new ArrayList<>();
    int header = extended ? 3 : 2;
    while (from.hasRemaining()) {
      if (from.remaining() < header) {
        throw new ProtocolException(Notification.OPEN, 0, "OPEN with a cut parameter");
      }
      int type = u8(from);
      int size = extended ? u16(from) : u8(from);
      if (size > from.remaining()) {
        throw new ProtocolException(Notification.OPEN, 0, "OPEN with a cut parameter");
      }
      ByteBuffer value = Octets.take(from, size);
      if (type != PARAMETER_CAPABILITIES) {
        throw new ProtocolException(Notification.OPEN, 4, "OPEN with parameter " + type);
      }
      while (value.hasRemaining()) {
        capabilities.add(capability(value));
      }
    }
    return capabilities;
  }

  private static Capability capability(ByteBuffer from) throws ProtocolException {
    if (from.remaining() < 2) {
      throw new ProtocolException(Notification.OPEN, 0, "OPEN with a cut capability");
    }
    int code = u8(from);
    int length = u8(from);
    if (length > from.remaining()) {
      throw new ProtocolException(Notification.OPEN, 0, "OPEN with a cut capability");
    }
    ByteBuffer value = Octets.take(from, length);
    Capability known =
        switch (code) {
          case MULTI_PROTOCOL -> length == 4 ? multiProtocol(value) : null;
          case ROUTE_REFRESH -> length == 0 ? new RouteRefresh() : null;
          case ENHANCED_ROUTE_REFRESH -> length == 0 ? new EnhancedRouteRefresh() : null;
          case EXTENDED_MESSAGES -> length == 0 ? new ExtendedMessages() : null;
          case FOUR_OCTET_AS -> length == 4 ? new FourOctetAs(u32(value)) : null;
          case EXTENDED_NEXT_HOP -> length % 6 == 0 ? extendedNextHop(value) : null;
          case GRACEFUL_RESTART -> length % 4 == 2 ? gracefulRestart(value) : null;
          default -> null;
        };
    if (known != null) {
      return known;
    }
    value.rewind();
    return new Unknown(code, Octets.rest(value));
  }

  private static @org.jspecify.annotations.Nullable Capability multiProtocol(ByteBuffer from) {
    int afi = u16(from);
    from.get();
    return Octets.family(afi, u8(from)).map(MultiProtocol::new).orElse(null);
  }

  private static @org.jspecify.annotations.Nullable Capability extendedNextHop(ByteBuffer from) {
    while (from.hasRemaining()) {
      Optional<IpFamily> routes = Octets.family(u16(from), u16(from));
      int nextHopAfi = u16(from);
      if (routes.equals(Optional.of(IpFamily.IPV4)) && nextHopAfi == afi(IpFamily.IPV6)) {
        return new ExtendedNextHop();
      }
    }
    return null;
  }

  private static Capability gracefulRestart(ByteBuffer from) {
    int word = u16(from);
    Map<IpFamily, Boolean> preserved = new EnumMap<>(IpFamily.class);
    while (from.hasRemaining()) {
      Optional<IpFamily> family = Octets.family(u16(from), u8(from));
      boolean flag = (u8(from) & PRESERVED) != 0;
      family.ifPresent(known -> preserved.put(known, flag));
    }
    return new GracefulRestart((word & RESTARTING) != 0, word & RESTART_SECONDS, preserved);
  }

  /// Puts what comes after the header.
  static void write(Open open, ByteBuffer into) {
    into.put((byte) VERSION);
    into.putShort((short) (open.as() > 0xffff ? Octets.AS_TRANS : open.as()));
    into.putShort((short) open.holdSeconds());
    Octets.put(into, open.id());
    int lengthAt = into.position();
    into.put((byte) 0);
    for (Capability capability : open.capabilities()) {
      into.put((byte) PARAMETER_CAPABILITIES);
      int sizeAt = into.position();
      into.put((byte) 0);
      write(capability, into);
      into.put(sizeAt, (byte) (into.position() - sizeAt - 1));
    }
    int length = into.position() - lengthAt - 1;
    if (length >= EXTENDED_PARAMETERS) {
      throw new IllegalArgumentException("too many capabilities: " + open.capabilities());
    }
    into.put(lengthAt, (byte) length);
  }

  private static void write(Capability capability, ByteBuffer into) {
    switch (capability) {
      case MultiProtocol(IpFamily family) ->
          head(into, MULTI_PROTOCOL, 4).putShort((short) afi(family)).putShort((short) UNICAST);
      case RouteRefresh() -> head(into, ROUTE_REFRESH, 0);
      case EnhancedRouteRefresh() -> head(into, ENHANCED_ROUTE_REFRESH, 0);
      case FourOctetAs(long as) -> head(into, FOUR_OCTET_AS, 4).putInt((int) as);
      case ExtendedMessages() -> head(into, EXTENDED_MESSAGES, 0);
      case ExtendedNextHop() ->
          head(into, EXTENDED_NEXT_HOP, 6)
              .putShort((short) afi(IpFamily.IPV4))
              .putShort((short) UNICAST)
              .putShort((short) afi(IpFamily.IPV6));
      case GracefulRestart restart -> {
        head(into, GRACEFUL_RESTART, 2 + 4 * restart.preserved().size())
            .putShort((short) (restart.seconds() | (restart.restarting() ? RESTARTING : 0)));
        for (IpFamily family : IpFamily.values()) {
          Boolean preserved = restart.preserved().get(family);
          if (preserved != null) {
            into.putShort((short) afi(family));
            into.put((byte) UNICAST).put((byte) (preserved ? PRESERVED : 0));
          }
        }
      }
      case Unknown(int code, byte[] value) -> head(into, code, value.length).put(value);
    }
  }

  private static ByteBuffer head(ByteBuffer into, int code, int length) {
    return into.put((byte) code).put((byte) length);
  }
}
