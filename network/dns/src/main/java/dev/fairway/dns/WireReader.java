// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

import dev.fairway.net.IpAddress;
import java.util.Arrays;

/// Reads a message's octets, each step within bounds.
///
/// A compression pointer must point before the place it is read from, and each further one before
/// that: so no chain of pointers is endless (RFC 9267 section 2).
final class WireReader {
  private final byte[] octets;
  private final int limit;
  private int at;

  WireReader(byte[] octets, int limit) {
    this.octets = octets;
    this.limit = limit;
  }

  int position() {
    return at;
  }

  int remaining() {
    return limit - at;
  }

  void skip(int count) throws MalformedMessage {
    need(count);
    at += count;
  }

  int u8() throws MalformedMessage {
    need(1);
    return octets[at++] & 255;
  }

  int u16() throws MalformedMessage {
    need(2);
    int value = (octets[at] & 255) << 8 | (octets[at + 1] & 255);
    at += 2;
    return value;
  }

  int i32() throws MalformedMessage {
    return u16() << 16 | u16();
  }

  byte[] take(int count) throws MalformedMessage {
    need(count);
    byte[] taken = Arrays.copyOfRange(octets, at, at + count);
    at += count;
    return taken;
  }

  byte[] slice(int from, int to) {
    return Arrays.copyOfRange(octets, from, to);
  }

  Name name() throws MalformedMessage {
    byte[] wire = new byte[Name.MAX_WIRE_BYTES];
    int length = 0;
    int read = at;
    int after = -1;
    int lowest = at;
    while (true) {
      if (read >= limit) {
        throw new MalformedMessage("a name runs over the end", read);
      }
      int head = octets[read] & 255;
      if (head >= 0xc0) {
        if (read + 1 >= limit) {
          throw new MalformedMessage("a name runs over the end", read);
        }
        int target = (head & 0x3f) << 8 | (octets[read + 1] & 255);
        if (target >= lowest) {
          throw new MalformedMessage("a name points forward or at itself", read);
        }
        after = after < 0 ? read + 2 : after;
        lowest = target;
        read = target;
        continue;
      }
      if (head > Name.MAX_LABEL_BYTES) {
        throw new MalformedMessage("a label of an unknown kind", read);
      }
      if (read + head >= limit || length + head + 1 > Name.MAX_WIRE_BYTES) {
        throw new MalformedMessage("a name is too long", read);
      }
      System.arraycopy(octets, read, wire, length, head + 1);
      length += head + 1;
      read += head + 1;
      if (head == 0) {
        at = after < 0 ? read : after;
        return Name.ofWire(Arrays.copyOf(wire, length));
      }
    }
  }

  /// One record of any section but the question.
  ResourceRecord record() throws MalformedMessage {
    Name name = name();
    int type = u16();
    int recordClass = u16();
    int ttl = i32();
    int length = u16();
    need(length);
    int end = at + length;
    Rdata data = data(type, length);
    if (at != end) {
      throw new MalformedMessage("record data of type " + type + " has the wrong length", at);
    }
    // An OPT record's "TTL" is flags, of which any bit may be set.
    return new ResourceRecord(
        name, recordClass, type == RecordType.OPT ? ttl : Math.max(0, ttl), data);
  }

  private Rdata data(int type, int length) throws MalformedMessage {
    return switch (type) {
      case RecordType.A -> address(length, 4);
      case RecordType.AAAA -> address(length, 16);
      case RecordType.NS, RecordType.CNAME, RecordType.PTR -> new Rdata.Target(type, name());
      case RecordType.MX -> new Rdata.MailExchange(u16(), name());
      case RecordType.SRV -> new Rdata.Srv(u16(), u16(), u16(), name());
      case RecordType.SOA -> new Rdata.Soa(name(), name(), i32(), i32(), i32(), i32(), i32());
      default -> new Rdata.Opaque(type, take(length));
    };
  }

  private Rdata address(int length, int expected) throws MalformedMessage {
    if (length != expected) {
      throw new MalformedMessage("an address has " + length + " octets", at);
    }
    return new Rdata.Address(IpAddress.ofBytes(take(length)));
  }

  private void need(int count) throws MalformedMessage {
    if (count > limit - at) {
      throw new MalformedMessage("the message ends early", at);
    }
  }
}
