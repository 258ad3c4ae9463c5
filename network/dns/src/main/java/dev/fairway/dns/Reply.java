// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

import java.util.List;

/// An answer before it is written.
///
/// @param responseCode 12 bits wide, see [ResponseCode]
/// @param authoritative whether it is of a zone of our own
/// @param answers the answer section
/// @param authorities the authority section
/// @param extras the additional section without the OPT record
record Reply(
    int responseCode,
    boolean authoritative,
    List<ResourceRecord> answers,
    List<ResourceRecord> authorities,
    List<ResourceRecord> extras) {
  /// The size that passes every network unfragmented (DNS flag day 2020).
  static final int UDP_BYTES = 1232;

  private static final int RESPONSE = 0x8000;
  private static final int AUTHORITATIVE = 0x0400;
  private static final int TRUNCATED = 0x0200;
  private static final int RECURSION_AVAILABLE = 0x0080;
  static final int OPT_BYTES = 11;

  Reply {
    answers = List.copyOf(answers);
    authorities = List.copyOf(authorities);
    extras = List.copyOf(extras);
  }

  static Reply error(int responseCode) {
    return new Reply(responseCode, false, List.of(), List.of(), List.of());
  }

  /// The largest datagram that may carry a reply to the query.
  static int udpLimit(Query query) {
    Query.Edns edns = query.edns();
    return edns == null ? 512 : Math.min(UDP_BYTES, edns.udpBytes());
  }

  /// Writes the whole message. What does not fit is left out and TC set, so that the asker comes
  /// back over TCP; some never do and make do with the part they got.
  void write(WireWriter writer, Query query, int limitBytes, boolean recursionAvailable) {
    writer.reset(limitBytes - (query.edns() == null ? 0 : OPT_BYTES));
    int flags = RESPONSE | query.echoedFlags() | (responseCode & 15);
    flags |= authoritative ? AUTHORITATIVE : 0;
    flags |= recursionAvailable ? RECURSION_AVAILABLE : 0;
    writer.u16(query.id());
    writer.u16(flags);
    writer.u16(1);
    writer.u16(0);
    writer.u16(0);
    writer.u16(0);
    placeQuestion(writer, query);
    writer.bytes(query.question());
    int answered = section(writer, answers);
    int authorised = answered < answers.size() ? 0 : section(writer, authorities);
    boolean truncated = answered < answers.size() || authorised < authorities.size();
    int added = truncated ? 0 : section(writer, extras);
    if (truncated) {
      writer.setU16(2, flags | TRUNCATED);
    }
    if (query.edns() != null) {
      writer.limit(limitBytes);
      writer.record(opt(responseCode, query.dnssecOk()));
      added++;
    }
    writer.setU16(6, answered);
    writer.setU16(8, authorised);
    writer.setU16(10, added);
  }

  /// Every suffix of the question can be pointed at, so answers repeat the asker's own spelling.
  static void placeQuestion(WireWriter writer, Query query) {
    int offset = Query.HEADER_BYTES;
    for (Name name = query.name(); name != null && !name.isRoot(); name = name.parent()) {
      writer.place(name, offset);
      offset += 1 + name.wire()[0];
    }
  }

  private static int section(WireWriter writer, List<ResourceRecord> records) {
    int written = 0;
    for (ResourceRecord record : records) {
      if (!writer.record(record)) {
        break;
      }
      written++;
    }
    return written;
  }

  static ResourceRecord opt(int responseCode, boolean dnssecOk) {
    return new ResourceRecord(
        Name.ROOT,
        UDP_BYTES,
        (responseCode >>> 4) << 24 | (dnssecOk ? 0x8000 : 0),
        new Rdata.Opaque(RecordType.OPT, new byte[0]));
  }

  /// A reply to what could not be read as a query: a header alone.
  static void writeError(WireWriter writer, Query.Read.Wrong wrong) {
    writer.reset(Query.HEADER_BYTES);
    writer.u16(wrong.id());
    writer.u16(RESPONSE | Query.echoed(wrong.flags()) | (wrong.responseCode() & 15));
    writer.i32(0);
    writer.i32(0);
  }
}
