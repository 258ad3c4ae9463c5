// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/// What upstreams said, for as long as they said it may be kept, and a while longer for when they
/// are gone. Bounded in number; the one unused for longest goes first. Time comes in as nanoseconds
/// of any steady clock.
final class AnswerCache {
  /// Asked for by this.
  record Key(Name name, int type, boolean dnssecOk) {}

  /// What is known.
  ///
  /// @param reply with its TTLs lowered by its age
  /// @param stale whether it is over its time
  /// @param refresh whether the caller is the one to fetch it anew, without being waited for
  record Found(Reply reply, boolean stale, boolean refresh) {}

  private static final class Kept {
    final Reply reply;
    final long sinceNanos;
    final long ttlSeconds;
    int hits;
    boolean refreshing;

    Kept(Reply reply, long sinceNanos, long ttlSeconds) {
      this.reply = reply;
      this.sinceNanos = sinceNanos;
      this.ttlSeconds = ttlSeconds;
    }
  }

  /// RFC 8767 section 4.
  static final int STALE_TTL_SECONDS = 30;

  /// Larger answers are rare; keeping them would unbound the memory that the count bounds.
  private static final int MAX_RECORDS = 100;

  private static final int MAX_OPAQUE_BYTES = 4096;

  private final Caching caching;
  private final long staleSeconds;
  private final LinkedHashMap<Key, Kept> kept = new LinkedHashMap<>(64, 0.75f, true);
  final LongAdder hits = new LongAdder();
  final LongAdder misses = new LongAdder();
  final LongAdder staleHits = new LongAdder();
  final LongAdder prefetches = new LongAdder();

  AnswerCache(Caching caching) {
    this.caching = caching;
    this.staleSeconds = caching.stale().toSeconds();
  }

  synchronized int size() {
    return kept.size();
  }

  /// A fresh reply, or a stale one, or null.
  synchronized @Nullable Found get(Key key, long nowNanos) {
    Kept found = kept.get(key);
    if (found == null) {
      return null;
    }
    long age = (nowNanos - found.sinceNanos) / 1_000_000_000L;
    if (age >= found.ttlSeconds + staleSeconds) {
      kept.remove(key);
      return null;
    }
    if (age >= found.ttlSeconds) {
      return new Found(withTtl(found.reply, STALE_TTL_SECONDS), true, startRefresh(found));
    }
    found.hits++;
    boolean nearEnd = age * 10 >= found.ttlSeconds * 9;
    boolean wanted = caching.prefetchHits() > 0 && nearEnd && found.hits >= caching.prefetchHits();
    return new Found(aged(found.reply, Math.toIntExact(age)), false, wanted && startRefresh(found));
  }

  private static boolean startRefresh(Kept found) {
    boolean first = !found.refreshing;
    found.refreshing = true;
    return first;
  }

  /// A refresh brought nothing that can be kept: the next asker may start another.
  synchronized void refreshFailed(Key key) {
    Kept found = kept.get(key);
    if (found != null) {
      found.refreshing = false;
    }
  }

  synchronized void put(Key key, Reply reply, long nowNanos) {
    int ttl = ttlSeconds(reply, caching);
    if (ttl <= 0 || caching.answers() == 0 || isLarge(reply)) {
      return;
    }
    kept.put(key, new Kept(reply, nowNanos, ttl));
    if (kept.size() > caching.answers()) {
      Map.Entry<Key, Kept> eldest = kept.firstEntry();
      if (eldest != null) {
        kept.remove(eldest.getKey());
      }
    }
  }

  private static boolean isLarge(Reply reply) {
    int records = 0;
    int opaque = 0;
    for (List<ResourceRecord> section :
        List.of(reply.answers(), reply.authorities(), reply.extras())) {
      records += section.size();
      for (ResourceRecord record : section) {
        opaque += record.data() instanceof Rdata.Opaque data ? data.octets().length : 0;
      }
    }
    return records > MAX_RECORDS || opaque > MAX_OPAQUE_BYTES;
  }

  /// How long a reply may be kept; 0 for not at all. "No such name" and "no such type" live as long
  /// as their SOA record says (RFC 2308 section 5), without one not at all.
  static int ttlSeconds(Reply reply, Caching caching) {
    boolean negative =
        reply.responseCode() == ResponseCode.NAME_ERROR
            || (reply.responseCode() == ResponseCode.NO_ERROR && !endsInAnswer(reply));
    if (!negative && reply.responseCode() != ResponseCode.NO_ERROR) {
      return 0;
    }
    long ttl = seconds(negative ? caching.mostNegative() : caching.mostPositive());
    if (negative) {
      long denied = 0;
      for (ResourceRecord record : reply.authorities()) {
        if (record.data() instanceof Rdata.Soa soa) {
          denied = Math.min(record.ttlSeconds(), Math.max(0, soa.minimum()));
        }
      }
      ttl = Math.min(ttl, denied);
    }
    for (ResourceRecord record : reply.answers()) {
      ttl = Math.min(ttl, record.ttlSeconds());
    }
    return (int) ttl;
  }

  /// Whether there is more than aliases: an alias to a name without the type is a denial.
  private static boolean endsInAnswer(Reply reply) {
    for (ResourceRecord record : reply.answers()) {
      if (record.type() != RecordType.CNAME) {
        return true;
      }
    }
    // A question for the alias itself has no denial with it.
    return !reply.answers().isEmpty() && reply.authorities().isEmpty();
  }

  private static long seconds(Duration duration) {
    return Math.min(duration.toSeconds(), Integer.MAX_VALUE);
  }

  private static Reply withTtl(Reply reply, int seconds) {
    return new Reply(
        reply.responseCode(),
        false,
        reply.answers().stream().map(record -> record.withTtl(seconds)).toList(),
        reply.authorities().stream().map(record -> record.withTtl(seconds)).toList(),
        List.of());
  }

  private static Reply aged(Reply reply, int seconds) {
    return new Reply(
        reply.responseCode(),
        false,
        aged(reply.answers(), seconds),
        aged(reply.authorities(), seconds),
        aged(reply.extras(), seconds));
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
