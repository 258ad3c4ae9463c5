// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// What upstreams said, for as long as they said it may be kept. Bounded in number; the one unused
/// for longest goes first. Time comes in as nanoseconds of any steady clock.
final class AnswerCache {
  /// Asked for by this.
  record Key(Name name, int type, boolean dnssecOk) {}

  private record Kept(Reply reply, long sinceNanos, long ttlSeconds) {}

  static final int MAX_TTL_SECONDS = 3600;
  static final int MAX_NEGATIVE_TTL_SECONDS = 300;

  /// Larger answers are rare; keeping them would unbound the memory that the count bounds.
  private static final int MAX_RECORDS = 100;

  private final int capacity;
  private final LinkedHashMap<Key, Kept> kept = new LinkedHashMap<>(64, 0.75f, true);

  AnswerCache(int capacity) {
    this.capacity = capacity;
  }

  /// A reply with its TTLs lowered by its age, or null.
  synchronized @Nullable Reply get(Key key, long nowNanos) {
    Kept found = kept.get(key);
    if (found == null) {
      return null;
    }
    long age = (nowNanos - found.sinceNanos) / 1_000_000_000L;
    if (age >= found.ttlSeconds) {
      kept.remove(key);
      return null;
    }
    int seconds = Math.toIntExact(age);
    Reply reply = found.reply;
    return new Reply(
        reply.responseCode(),
        false,
        aged(reply.answers(), seconds),
        aged(reply.authorities(), seconds),
        aged(reply.extras(), seconds));
  }

  synchronized void put(Key key, Reply reply, long nowNanos) {
    int ttl = ttlSeconds(reply);
    int records = reply.answers().size() + reply.authorities().size() + reply.extras().size();
    if (ttl <= 0 || records > MAX_RECORDS || capacity == 0) {
      return;
    }
    kept.put(key, new Kept(reply, nowNanos, ttl));
    if (kept.size() > capacity) {
      Map.Entry<Key, Kept> eldest = kept.firstEntry();
      if (eldest != null) {
        kept.remove(eldest.getKey());
      }
    }
  }

  /// How long a reply may be kept; 0 for not at all. "No such name" and "no such type" live as long
  /// as their SOA record says (RFC 2308 section 5), without one not at all.
  static int ttlSeconds(Reply reply) {
    boolean negative =
        reply.responseCode() == ResponseCode.NAME_ERROR
            || (reply.responseCode() == ResponseCode.NO_ERROR && reply.answers().isEmpty());
    if (negative) {
      for (ResourceRecord record : reply.authorities()) {
        if (record.data() instanceof Rdata.Soa soa) {
          int ttl = Math.min(record.ttlSeconds(), Math.max(0, soa.minimum()));
          return Math.min(ttl, MAX_NEGATIVE_TTL_SECONDS);
        }
      }
      return 0;
    }
    if (reply.responseCode() != ResponseCode.NO_ERROR) {
      return 0;
    }
    int ttl = MAX_TTL_SECONDS;
    for (ResourceRecord record : reply.answers()) {
      ttl = Math.min(ttl, record.ttlSeconds());
    }
    return ttl;
  }

  private static List<ResourceRecord> aged(List<ResourceRecord> records, int seconds) {
    if (seconds == 0) {
      return records;
    }
    List<ResourceRecord> aged = new ArrayList<>(records.size());
    for (ResourceRecord record : records) {
      aged.add(record.withTtl(Math.max(0, record.ttlSeconds() - seconds)));
    }
    return aged;
  }
}
