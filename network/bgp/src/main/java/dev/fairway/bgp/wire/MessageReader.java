// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp.wire;

import static dev.fairway.bgp.wire.Octets.HEADER_LENGTH;
import static dev.fairway.bgp.wire.Octets.u16;
import static dev.fairway.bgp.wire.Octets.u8;

import dev.fairway.bgp.wire.Message.Keepalive;
import dev.fairway.bgp.wire.Message.RouteRefresh;
import java.nio.ByteBuffer;

/// Bytes to messages.
public final class MessageReader {
  static final int TYPE_OPEN = 1;
  static final int TYPE_UPDATE = 2;
  static final int TYPE_NOTIFICATION = 3;
  static final int TYPE_KEEPALIVE = 4;
  static final int TYPE_ROUTE_REFRESH = 5;

  private static final int BAD_LENGTH = 2;

  private MessageReader() {}

  /// How long the message is that begins here.
  ///
  /// @param longest what was agreed; before that, and for OPEN and KEEPALIVE always, 4096
  /// @return 0 if less than a header is there
  /// @throws ProtocolException if it is no message
  public static int length(ByteBuffer from, int longest) throws ProtocolException {
    if (from.remaining() < HEADER_LENGTH) {
      return 0;
    }
    int at = from.position();
    if (from.getLong(at) != -1 || from.getLong(at + 8) != -1) {
      throw new ProtocolException(Notification.HEADER, 1, "message without its marker");
    }
    int length = from.getShort(at + 16) & 0xffff;
    int type = from.get(at + 18) & 0xff;
    int least =
        switch (type) {
          case TYPE_OPEN -> 29;
          case TYPE_UPDATE, TYPE_ROUTE_REFRESH -> 23;
          case TYPE_NOTIFICATION -> 21;
          case TYPE_KEEPALIVE -> HEADER_LENGTH;
          default ->
              throw new ProtocolException(
                  new Notification(Notification.HEADER, 3, new byte[] {(byte) type}),
                  "message of unknown type " + type);
        };
    int most =
        switch (type) {
          case TYPE_OPEN -> Math.min(longest, SessionTerms.USUAL_LONGEST);
          case TYPE_KEEPALIVE -> HEADER_LENGTH;
          default -> longest;
        };
    if (length < least || length > most) {
      throw new ProtocolException(
          new Notification(
              Notification.HEADER, BAD_LENGTH, new byte[] {(byte) (length >> 8), (byte) length}),
          "message of type " + type + " with a length of " + length);
    }
    return length;
  }

  /// Reads one whole message, its header included.
  ///
  /// @param message as long as [#length] said
  /// @throws ProtocolException if it ends the session
  public static Message read(ByteBuffer message, SessionTerms terms) throws ProtocolException {
    int type = message.get(message.position() + 18) & 0xff;
    message.position(message.position() + HEADER_LENGTH);
    return switch (type) {
      case TYPE_OPEN -> OpenWire.read(message);
      case TYPE_UPDATE -> new UpdateReader(terms).read(message);
      case TYPE_NOTIFICATION -> new Notification(u8(message), u8(message), Octets.rest(message));
      case TYPE_KEEPALIVE -> new Keepalive();
      case TYPE_ROUTE_REFRESH -> routeRefresh(message);
      default -> throw new ProtocolException(Notification.HEADER, 3, "unknown type " + type);
    };
  }

  private static RouteRefresh routeRefresh(ByteBuffer from) throws ProtocolException {
    int afi = u16(from);
    int subtype = u8(from);
    int safi = u8(from);
    if (from.hasRemaining() && subtype != RouteRefresh.REQUEST) {
      throw new ProtocolException(Notification.REFRESH, 1, "ROUTE-REFRESH of a wrong length");
    }
    return new RouteRefresh(Octets.family(afi, safi), subtype);
  }
}
