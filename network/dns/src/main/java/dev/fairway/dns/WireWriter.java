// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/// Writes a message into a buffer of its own, compressing names, and refuses to grow over a limit:
/// a record that does not fit is taken back whole.
final class WireWriter {
  static final int MAX_MESSAGE_BYTES = 65_535;

  private byte[] octets = new byte[512];
  private int at;
  private int limit = MAX_MESSAGE_BYTES;
  private boolean overflow;
  private final Map<Name, Integer> places = new HashMap<>();

  /// Starts anew with a limit in octets.
  void reset(int limitBytes) {
    at = 0;
    limit = limitBytes;
    overflow = false;
    places.clear();
  }

  int length() {
    return at;
  }

  byte[] array() {
    return octets;
  }

  byte[] toBytes() {
    return Arrays.copyOf(octets, at);
  }

  void limit(int limitBytes) {
    limit = limitBytes;
  }

  void u8(int value) {
    if (reserve(1)) {
      octets[at++] = (byte) value;
    }
  }

  void u16(int value) {
    if (reserve(2)) {
      octets[at++] = (byte) (value >>> 8);
      octets[at++] = (byte) value;
    }
  }

  void i32(int value) {
    u16(value >>> 16);
    u16(value);
  }

  void bytes(byte[] source) {
    if (reserve(source.length)) {
      System.arraycopy(source, 0, octets, at, source.length);
      at += source.length;
    }
  }

  void setU16(int offset, int value) {
    octets[offset] = (byte) (value >>> 8);
    octets[offset + 1] = (byte) value;
  }

  /// Remembers that `name` stands at `offset`, for pointers to it.
  void place(Name name, int offset) {
    if (offset < 0x4000 && !name.isRoot()) {
      places.putIfAbsent(name, offset);
    }
  }

  void compressedName(Name name) {
    Name rest = name;
    while (rest != null && !rest.isRoot()) {
      Integer place = places.get(rest);
      if (place != null) {
        u16(0xc000 | place);
        return;
      }
      place(rest, at);
      byte[] wire = rest.wire();
      if (reserve(1 + wire[0])) {
        System.arraycopy(wire, 0, octets, at, 1 + wire[0]);
        at += 1 + wire[0];
      }
      rest = rest.parent();
    }
    u8(0);
  }

  /// Writes a record, or nothing and returns false if it does not fit.
  boolean record(ResourceRecord record) {
    int start = at;
    compressedName(record.name());
    u16(record.type());
    u16(record.recordClass());
    i32(record.ttlSeconds());
    int lengthAt = at;
    u16(0);
    data(record.data());
    if (overflow) {
      at = start;
      overflow = false;
      places.values().removeIf(place -> place >= start);
      return false;
    }
    setU16(lengthAt, at - lengthAt - 2);
    return true;
  }

  private void data(Rdata data) {
    switch (data) {
      case Rdata.Address(var address) -> bytes(address.bytes());
      case Rdata.Target target -> compressedName(target.name());
      case Rdata.MailExchange mail -> {
        u16(mail.preference());
        compressedName(mail.exchange());
      }
      case Rdata.Srv srv -> {
        u16(srv.priority());
        u16(srv.weight());
        u16(srv.port());
        // RFC 2782: no compression here.
        bytes(srv.target().wire());
      }
      case Rdata.Soa soa -> {
        compressedName(soa.server());
        compressedName(soa.mailbox());
        i32(soa.serial());
        i32(soa.refresh());
        i32(soa.retry());
        i32(soa.expire());
        i32(soa.minimum());
      }
      case Rdata.Opaque opaque -> bytes(opaque.octets());
    }
  }

  private boolean reserve(int count) {
    if (overflow || at + count > limit) {
      overflow = true;
      return false;
    }
    if (at + count > octets.length) {
      octets =
          Arrays.copyOf(
              octets, Math.min(MAX_MESSAGE_BYTES, Math.max(at + count, octets.length * 2)));
    }
    return true;
  }
}
