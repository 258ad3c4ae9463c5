// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.security.SecureRandom;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// Answers of one zone as they lie on the wire, for questions that come again: what is asked for
/// most is copied, not worked out. Kept until the zone changes. For one thread.
///
/// Only answers that are the same for every asker are kept. Each is what follows the question, in
/// which all names can point at the question; so letter case is the asker's own. Addresses take
/// turns as in [ClusterNames].
final class RenderedAnswers {
  private static final int FIRST_SLOTS = 1 << 10;

  /// Half of them are used at most; when that is not enough all start anew.
  private static final int MOST_SLOTS = 1 << 17;

  private static final int OPT_BYTES = 11;

  /// What fits every asker's datagrams, so that nobody's answer is cut.
  private static final int MAX_BYTES = 512;

  private static final int TRUNCATED = 2; // in the header's third octet
  private static final int QUESTION_END = 4; // type and class
  private static final VarHandle LONGS =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.nativeOrder());

  // An entry: counts of the three sections, octets of each answer if they may take turns or else
  // 0, the question with its letters small, what follows it.
  private static final int TURNING = 3;
  private static final int QUESTION = 4;

  private final boolean recursionAvailable;
  private final long seed = new SecureRandom().nextLong();
  private @Nullable Zone zone;
  private int[] hashes = new int[FIRST_SLOTS];
  private byte[][] entries = new byte[FIRST_SLOTS][];
  private int count;
  private int type;

  RenderedAnswers(boolean recursionAvailable) {
    this.recursionAvailable = recursionAvailable;
  }

  /// To be told before answering: what was kept of another zone is forgotten.
  void use(@Nullable Zone current) {
    if (current != zone) {
      zone = current;
      if (count > 0) {
        hashes = new int[FIRST_SLOTS];
        entries = new byte[FIRST_SLOTS][];
        count = 0;
      }
    }
  }

  /// Turns a query into its reply, in place.
  ///
  /// @param message has room for 512 octets
  /// @return the reply's length; 0 if it is not known, and the query is unharmed
  int answer(byte[] message, int length) {
    int end = questionEnd(message, length);
    if (end == 0) {
      return 0;
    }
    int hash = hash(message, end);
    int slot = slot(message, end, hash);
    byte[] entry = entries[slot];
    if (entry == null) {
      return 0;
    }
    type = (message[end - 4] & 255) << 8 | (message[end - 3] & 255);
    boolean edns = message[11] != 0;
    int dnssecOk = edns ? message[end + 7] & 0x80 : 0;
    message[2] = (byte) (0x84 | (message[2] & 1));
    message[3] = (byte) ((recursionAvailable ? 0x80 : 0) | (message[3] & 0x10));
    message[7] = entry[0];
    message[9] = entry[1];
    message[11] = entry[2];
    int tail = QUESTION + end - Query.HEADER_BYTES;
    int at = end + entry.length - tail;
    int turning = entry[TURNING];
    if (turning == 0) {
      System.arraycopy(entry, tail, message, end, entry.length - tail);
    } else {
      int id = (message[0] & 255) << 8 | (message[1] & 255);
      int skipped = id % entry[0] * turning;
      System.arraycopy(entry, tail + skipped, message, end, entry.length - tail - skipped);
      System.arraycopy(entry, tail, message, at - skipped, skipped);
    }
    if (edns) {
      message[11]++;
      at = opt(message, at, dnssecOk);
    }
    return at;
  }

  /// What the last query that was answered asked for.
  int type() {
    return type;
  }

  private static int opt(byte[] message, int at, int dnssecOk) {
    message[at] = 0;
    message[at + 1] = 0;
    message[at + 2] = RecordType.OPT;
    message[at + 3] = (byte) (Reply.UDP_BYTES >>> 8);
    message[at + 4] = (byte) Reply.UDP_BYTES;
    message[at + 5] = 0;
    message[at + 6] = 0;
    message[at + 7] = (byte) dnssecOk;
    message[at + 8] = 0;
    message[at + 9] = 0;
    message[at + 10] = 0;
    return at + OPT_BYTES;
  }

  /// Keeps a reply that [Answering] called the same for every asker, if it is of a kind that can be
  /// kept.
  ///
  /// @param query as it came
  void keep(byte[] query, int length, WireWriter reply) {
    int end = questionEnd(query, length);
    byte[] octets = reply.array();
    int tail = reply.length() - end - (query[11] == 0 ? 0 : OPT_BYTES);
    if (zone == null || end == 0 || tail < 0 || end + tail + OPT_BYTES > MAX_BYTES) {
      return;
    }
    boolean cut = (octets[2] & TRUNCATED) != 0;
    if (cut || !isOfUse((query[end - 4] & 255) << 8 | (query[end - 3] & 255))) {
      return;
    }
    if (2 * count >= entries.length) {
      grow();
    }
    int hash = hash(query, end);
    int slot = slot(query, end, hash);
    if (entries[slot] == null) {
      count++;
    }
    int question = end - Query.HEADER_BYTES;
    byte[] entry = new byte[QUESTION + question + tail];
    entry[0] = octets[7];
    entry[1] = octets[9];
    entry[2] = (byte) (octets[11] - (query[11] == 0 ? 0 : 1));
    entry[TURNING] = (byte) turning(octets, end, tail);
    for (int i = 0; i < question; i++) {
      byte octet = query[Query.HEADER_BYTES + i];
      entry[QUESTION + i] = i < question - QUESTION_END ? (byte) fold(octet) : octet;
    }
    System.arraycopy(octets, end, entry, QUESTION + question, tail);
    hashes[slot] = hash;
    entries[slot] = entry;
  }

  /// Whether resolvers ask for that type: one asker of all others must not drive out the rest.
  private static boolean isOfUse(int type) {
    return switch (type) {
      case RecordType.A,
          RecordType.NS,
          RecordType.CNAME,
          RecordType.SOA,
          RecordType.PTR,
          RecordType.MX,
          RecordType.TXT,
          RecordType.AAAA,
          RecordType.SRV,
          RecordType.HTTPS ->
          true;
      default -> false;
    };
  }

  /// Octets of each answer if there are several alike, and nothing else.
  private static int turning(byte[] reply, int end, int tail) {
    int answers = reply[7];
    if (answers < 2 || reply[9] != 0 || tail % answers != 0) {
      return 0;
    }
    int each = tail / answers;
    for (int at = end; at < end + tail; at += each) {
      if (reply[at] != (byte) 0xc0
          || reply[at + 1] != Query.HEADER_BYTES
          || reply[at + 11] != each - 12) {
        return 0;
      }
    }
    return each;
  }

  /// Where the question ends; 0 for a query that is not as most are.
  private static int questionEnd(byte[] message, int length) {
    if (length < Query.HEADER_BYTES + 1 + QUESTION_END
        || (message[2] & 0xf8) != 0
        || (message[4] | message[6] | message[7] | message[8] | message[9] | message[10]) != 0
        || message[5] != 1
        || (message[11] & 0xfe) != 0) {
      return 0;
    }
    int at = Query.HEADER_BYTES;
    int label;
    while ((label = message[at]) != 0) {
      at += label + 1;
      if (label < 0 || label > Name.MAX_LABEL_BYTES || at >= length) {
        return 0;
      }
    }
    int end = at + 1 + QUESTION_END;
    if (at - Query.HEADER_BYTES >= Name.MAX_WIRE_BYTES
        || end > length
        || message[at + 3] != 0
        || message[at + 4] != ResourceRecord.CLASS_IN) {
      return 0;
    }
    boolean complete = message[11] == 0 ? end == length : isPlainOpt(message, end, length);
    return complete ? end : 0;
  }

  private static boolean isPlainOpt(byte[] message, int at, int length) {
    return at + OPT_BYTES <= length
        && message[at] == 0
        && message[at + 1] == 0
        && message[at + 2] == RecordType.OPT
        && message[at + 6] == 0
        && ((message[at + 9] & 255) << 8 | (message[at + 10] & 255)) == length - at - OPT_BYTES;
  }

  /// Of the question without regard to case. Letters of either case differ in one bit, which counts
  /// for nothing here. Nobody outside can tell which questions meet in one place.
  private int hash(byte[] message, int end) {
    long hash = seed ^ end;
    int at = Query.HEADER_BYTES;
    for (; at + 8 <= end; at += 8) {
      hash =
          (hash ^ ((long) LONGS.get(message, at) | 0x2020_2020_2020_2020L)) * 0x9e3779b97f4a7c15L;
      hash ^= hash >>> 32;
    }
    for (; at < end; at++) {
      hash = (hash ^ (message[at] | 0x20)) * 0x9e3779b97f4a7c15L;
      hash ^= hash >>> 32;
    }
    return (int) hash;
  }

  /// Where the question's entry is, or would be.
  private int slot(byte[] message, int end, int hash) {
    int mask = entries.length - 1;
    int slot = hash & mask;
    byte[] entry;
    while ((entry = entries[slot]) != null) {
      if (hashes[slot] == hash && isFor(entry, message, end)) {
        return slot;
      }
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  private static boolean isFor(byte[] entry, byte[] message, int end) {
    int question = end - Query.HEADER_BYTES;
    if (entry.length < QUESTION + question) {
      return false;
    }
    if (Arrays.equals(entry, QUESTION, QUESTION + question, message, Query.HEADER_BYTES, end)) {
      return true;
    }
    for (int i = 0; i < question; i++) {
      byte octet = message[Query.HEADER_BYTES + i];
      // A type may be any number, and so look like a letter.
      int wanted = i < question - QUESTION_END ? fold(octet) : octet;
      if (entry[QUESTION + i] != wanted) {
        return false;
      }
    }
    return true;
  }

  /// Length octets are below 'A'.
  private static int fold(byte octet) {
    return octet >= 'A' && octet <= 'Z' ? octet + 32 : octet;
  }

  private void grow() {
    int[] oldHashes = hashes;
    byte[][] old = entries;
    boolean full = old.length == MOST_SLOTS;
    int slots = full ? FIRST_SLOTS : old.length * 2;
    hashes = new int[slots];
    entries = new byte[slots][];
    count = 0;
    if (full) {
      return;
    }
    for (int i = 0; i < old.length; i++) {
      if (old[i] != null) {
        int slot = oldHashes[i] & (slots - 1);
        while (entries[slot] != null) {
          slot = (slot + 1) & (slots - 1);
        }
        hashes[slot] = oldHashes[i];
        entries[slot] = old[i];
        count++;
      }
    }
  }
}
