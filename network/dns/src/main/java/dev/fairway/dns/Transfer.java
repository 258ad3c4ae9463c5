// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

import java.util.Iterator;
import org.jspecify.annotations.Nullable;

/// The whole of the cluster's zone at one moment, message by message (AXFR, RFC 5936): its SOA
/// record, all others, and the SOA record again.
final class Transfer {
  /// As far as compressed names reach.
  private static final int MESSAGE_BYTES = 1 << 14;

  private static final int RESPONSE_AUTHORITATIVE = 0x8400;

  private final Query query;
  private final ResourceRecord soa;
  private final Iterator<ResourceRecord> records;
  private @Nullable ResourceRecord next;
  private boolean last;

  /// @param records without the SOA record
  Transfer(Query query, ResourceRecord soa, Iterator<ResourceRecord> records) {
    this.query = query;
    this.soa = soa;
    this.records = records;
    this.next = soa;
  }

  /// Writes the next message; false if there is none.
  boolean next(WireWriter writer) {
    if (next == null) {
      return false;
    }
    writer.reset(MESSAGE_BYTES - (query.edns() == null ? 0 : Reply.OPT_BYTES));
    writer.u16(query.id());
    writer.u16(RESPONSE_AUTHORITATIVE | query.echoedFlags());
    writer.u16(1);
    writer.u16(0);
    writer.u16(0);
    writer.u16(query.edns() == null ? 0 : 1);
    Reply.placeQuestion(writer, query);
    writer.bytes(query.question());
    int count = 0;
    while (next != null && writer.record(next)) {
      count++;
      next = following();
    }
    writer.setU16(6, count);
    if (query.edns() != null) {
      writer.limit(MESSAGE_BYTES);
      writer.record(Reply.opt(0, query.dnssecOk()));
    }
    return true;
  }

  private @Nullable ResourceRecord following() {
    if (records.hasNext()) {
      return records.next();
    }
    boolean first = !last;
    last = true;
    return first ? soa : null;
  }
}
