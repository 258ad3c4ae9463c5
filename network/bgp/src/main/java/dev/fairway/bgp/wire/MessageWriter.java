// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp.wire;

import static dev.fairway.bgp.wire.Octets.HEADER_LENGTH;
import static dev.fairway.bgp.wire.Octets.UNICAST;
import static dev.fairway.bgp.wire.Octets.afi;

import dev.fairway.bgp.wire.Message.Keepalive;
import dev.fairway.bgp.wire.Message.Open;
import dev.fairway.bgp.wire.Message.RouteRefresh;
import dev.fairway.bgp.wire.Message.Update;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/// Messages to bytes.
public final class MessageWriter {
  private MessageWriter() {}

  /// The bytes of a message that is not an UPDATE.
  public static ByteBuffer write(Message message) {
    ByteBuffer into = ByteBuffer.allocate(SessionTerms.USUAL_LONGEST);
    switch (message) {
      case Open open -> {
        begin(into, MessageReader.TYPE_OPEN);
        OpenWire.write(open, into);
      }
      case Notification notification -> {
        begin(into, MessageReader.TYPE_NOTIFICATION);
        into.put((byte) notification.code()).put((byte) notification.subcode());
        into.put(notification.content(), 0, Math.min(notification.content().length, 2048));
      }
      case Keepalive() -> begin(into, MessageReader.TYPE_KEEPALIVE);
      case RouteRefresh refresh -> {
        begin(into, MessageReader.TYPE_ROUTE_REFRESH);
        into.putShort((short) afi(refresh.family().orElseThrow()));
        into.put((byte) refresh.subtype()).put((byte) UNICAST);
      }
      case Update _ -> throw new IllegalArgumentException("an UPDATE needs the session's terms");
    }
    return end(into, 0).flip();
  }

  /// The end of all that is to be told of a family (RFC 4724 2).
  public static ByteBuffer endOfRib(IpFamily family) {
    ByteBuffer into = ByteBuffer.allocate(64);
    begin(into, MessageReader.TYPE_UPDATE);
    into.putShort((short) 0);
    if (family == IpFamily.IPV4) {
      into.putShort((short) 0);
    } else {
      into.putShort((short) 6);
      into.put((byte) AttributeType.MP_UNREACH.flags()).put((byte) AttributeType.MP_UNREACH.code());
      into.put((byte) 3).putShort((short) afi(family)).put((byte) UNICAST);
    }
    return end(into, 0).flip();
  }

  /// UPDATE messages that withdraw prefixes of one family.
  public static List<ByteBuffer> withdrawn(
      IpFamily family, List<Prefix> prefixes, SessionTerms terms) {
    List<ByteBuffer> messages = new ArrayList<>();
    int next = 0;
    while (next < prefixes.size()) {
      ByteBuffer into = ByteBuffer.allocate(lengthFor(prefixes.size() - next, family, 64, terms));
      begin(into, MessageReader.TYPE_UPDATE);
      int room = into.capacity() - 2;
      int lengthAt;
      if (family == IpFamily.IPV4) {
        lengthAt = into.position();
        into.putShort((short) 0);
        next = fill(into, prefixes, next, room);
        into.putShort(lengthAt, (short) (into.position() - lengthAt - 2));
        into.putShort((short) 0);
      } else {
        into.putShort((short) 0);
        int attributesAt = into.position();
        into.putShort((short) 0);
        lengthAt = AttributesWriter.beginExtended(into, AttributeType.MP_UNREACH);
        into.putShort((short) afi(family)).put((byte) UNICAST);
        next = fill(into, prefixes, next, into.capacity());
        into.putShort(lengthAt, (short) (into.position() - lengthAt - 2));
        into.putShort(attributesAt, (short) (into.position() - attributesAt - 2));
      }
      messages.add(end(into, 0).flip());
    }
    return messages;
  }

  /// UPDATE messages that tell prefixes of one family, all reached in the same way. An IPv4 prefix
  /// with an IPv6 next hop goes the way of RFC 8950.
  ///
  /// @throws IllegalArgumentException if the attributes alone are longer than a message may be
  public static List<ByteBuffer> reached(
      PathAttributes attributes, IpFamily family, List<Prefix> prefixes, SessionTerms terms) {
    ByteBuffer fixed = AttributesWriter.write(attributes, terms);
    IpAddress hop = attributes.nextHop();
    boolean plain = family == IpFamily.IPV4 && hop.family() == IpFamily.IPV4;
    int overhead = HEADER_LENGTH + 4 + fixed.remaining() + 64;
    if (overhead + 17 > terms.longestMessage()) {
      throw new IllegalArgumentException("attributes of " + fixed.remaining() + " octets");
    }
    List<ByteBuffer> messages = new ArrayList<>();
    int next = 0;
    while (next < prefixes.size()) {
      ByteBuffer into =
          ByteBuffer.allocate(lengthFor(prefixes.size() - next, family, overhead, terms));
      begin(into, MessageReader.TYPE_UPDATE);
      into.putShort((short) 0);
      int attributesAt = into.position();
      into.putShort((short) 0);
      if (plain) {
        AttributesWriter.begin(into, AttributeType.NEXT_HOP, 4);
        Octets.put(into, hop);
        into.put(fixed.duplicate());
        into.putShort(attributesAt, (short) (into.position() - attributesAt - 2));
        next = fill(into, prefixes, next, into.capacity());
      } else {
        // MP_REACH_NLRI comes first, so that nothing before it can hide it (RFC 7606 5.1).
        int lengthAt = AttributesWriter.beginExtended(into, AttributeType.MP_REACH);
        into.putShort((short) afi(family)).put((byte) UNICAST);
        boolean both = hop.family() == IpFamily.IPV6 && attributes.linkLocal().isPresent();
        into.put((byte) (hop.family().addressBytes() * (both ? 2 : 1)));
        Octets.put(into, hop);
        if (both) {
          Octets.put(into, attributes.linkLocal().get());
        }
        into.put((byte) 0);
        next = fill(into, prefixes, next, into.capacity() - fixed.remaining());
        into.putShort(lengthAt, (short) (into.position() - lengthAt - 2));
        into.put(fixed.duplicate());
        into.putShort(attributesAt, (short) (into.position() - attributesAt - 2));
      }
      messages.add(end(into, 0).flip());
    }
    return messages;
  }

  /// A buffer no longer than needed, and than allowed.
  private static int lengthFor(int count, IpFamily family, int overhead, SessionTerms terms) {
    long all = overhead + (long) count * (1 + family.addressBytes());
    return (int) Math.min(all, terms.longestMessage());
  }

  /// Puts prefixes until one more would go beyond a position.
  private static int fill(ByteBuffer into, List<Prefix> prefixes, int from, int limit) {
    int next = from;
    while (next < prefixes.size() && into.position() + Octets.size(prefixes.get(next)) <= limit) {
      Octets.put(into, prefixes.get(next++));
    }
    return next;
  }

  private static void begin(ByteBuffer into, int type) {
    into.putLong(-1).putLong(-1).putShort((short) 0).put((byte) type);
  }

  private static ByteBuffer end(ByteBuffer into, int start) {
    return into.putShort(start + 16, (short) (into.position() - start));
  }
}
