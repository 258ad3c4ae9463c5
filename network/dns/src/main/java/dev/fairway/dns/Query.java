// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

import org.jspecify.annotations.Nullable;

/// A question that came in.
///
/// @param id to be echoed
/// @param flags the header's second word
/// @param name what is asked for, in the case it came in
/// @param type the IANA type number
/// @param queryClass 1 for IN
/// @param question the question's octets, to be echoed as they are
/// @param edns what the OPT record says, null if there is none
@SuppressWarnings("ArrayRecordComponent") // echoed, never changed
record Query(
    int id, int flags, Name name, int type, int queryClass, byte[] question, @Nullable Edns edns) {

  /// RFC 6891.
  ///
  /// @param udpBytes the largest datagram the asker takes, at least 512
  /// @param version 0 is the only one known
  /// @param dnssecOk the DO bit (RFC 3225)
  record Edns(int udpBytes, int version, boolean dnssecOk) {}

  static final int HEADER_BYTES = 12;
  private static final int RESPONSE = 0x8000;
  private static final int RECURSION_DESIRED = 0x0100;
  private static final int CHECKING_DISABLED = 0x0010;

  /// How many extra records are looked at for the OPT record.
  private static final int MAX_EXTRA_RECORDS = 32;

  /// What a datagram turned out to be.
  sealed interface Read {
    record Asked(Query query) implements Read {}

    /// Wrong, but there is somebody to tell.
    record Wrong(int id, int flags, int responseCode) implements Read {}

    /// A response, or too short to answer: silence, lest two servers answer each other for ever.
    record Ignored() implements Read {}
  }

  static Read read(byte[] octets, int length) {
    if (length < HEADER_BYTES) {
      return new Read.Ignored();
    }
    WireReader reader = new WireReader(octets, length);
    int id = 0;
    int flags = 0;
    try {
      id = reader.u16();
      flags = reader.u16();
      if ((flags & RESPONSE) != 0) {
        return new Read.Ignored();
      }
      if ((flags >>> 11 & 15) != 0) {
        return new Read.Wrong(id, flags, ResponseCode.NOT_IMPLEMENTED);
      }
      return new Read.Asked(body(reader, id, flags));
    } catch (MalformedMessage e) {
      return new Read.Wrong(id, flags, ResponseCode.FORMAT_ERROR);
    }
  }

  private static Query body(WireReader reader, int id, int flags) throws MalformedMessage {
    int questions = reader.u16();
    int answers = reader.u16();
    int authorities = reader.u16();
    int extras = reader.u16();
    // RFC 9619: exactly one question.
    if (questions != 1 || answers != 0 || authorities != 0 || extras > MAX_EXTRA_RECORDS) {
      throw new MalformedMessage("not one question alone", 4);
    }
    int start = reader.position();
    Name name = reader.name();
    int type = reader.u16();
    int queryClass = reader.u16();
    byte[] question = reader.slice(start, reader.position());
    if (question.length != name.wire().length + 4) {
      throw new MalformedMessage("the question is compressed", start);
    }
    Edns edns = null;
    for (int i = 0; i < extras; i++) {
      ResourceRecord record = reader.record();
      if (record.type() == RecordType.OPT) {
        if (edns != null || !record.name().isRoot()) {
          throw new MalformedMessage("a second OPT record, or one with a name", start);
        }
        int bits = record.ttlSeconds();
        edns =
            new Edns(Math.max(512, record.recordClass()), bits >>> 16 & 255, (bits & 0x8000) != 0);
      }
    }
    return new Query(id, flags, name, type, queryClass, question, edns);
  }

  boolean recursionDesired() {
    return (flags & RECURSION_DESIRED) != 0;
  }

  boolean dnssecOk() {
    return edns != null && edns.dnssecOk();
  }

  /// The flags a reply repeats: opcode, RD, CD.
  int echoedFlags() {
    return echoed(flags);
  }

  static int echoed(int flags) {
    return flags & (0x7800 | RECURSION_DESIRED | CHECKING_DISABLED);
  }
}
