// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.atomic.LongAdder;

/// Counts what is asked and answered, and writes it as the Prometheus text format with CoreDNS's
/// names, so that dashboards made for CoreDNS show it.
final class DnsCounts {
  /// The types that CoreDNS counts by name.
  private static final int[] TYPES = {
    RecordType.A,
    RecordType.AAAA,
    RecordType.MX,
    RecordType.SOA,
    RecordType.CNAME,
    RecordType.PTR,
    RecordType.TXT,
    RecordType.NS,
    RecordType.SRV,
    RecordType.ANY
  };

  private static final String[] TYPE_NAMES = {
    "A", "AAAA", "MX", "SOA", "CNAME", "PTR", "TXT", "NS", "SRV", "ANY", "other"
  };
  private static final String[] CODE_NAMES = {
    "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"
  };
  private static final int BAD_VERSION_INDEX = CODE_NAMES.length;

  /// 0.25 ms and its doubles, 16 of them, as CoreDNS has them.
  private static final int BUCKETS = 16;

  private static final long FIRST_BUCKET_NANOS = 250_000;

  private final String labels;
  private final LongAdder[] asked = adders(4 * TYPE_NAMES.length);
  private final LongAdder[] answered = adders(CODE_NAMES.length + 1);
  private final AtomicLongArray buckets = new AtomicLongArray(BUCKETS + 1);
  private final LongAdder nanos = new LongAdder();

  DnsCounts(int port) {
    labels = "server=\"dns://:" + port + "\",zone=\".\",view=\"\"";
  }

  private static LongAdder[] adders(int count) {
    LongAdder[] adders = new LongAdder[count];
    for (int i = 0; i < count; i++) {
      adders[i] = new LongAdder();
    }
    return adders;
  }

  void asked(Asker asker, Query query) {
    int kind = (asker.overTcp() ? 2 : 0) + (asker.address().getAddress().length == 4 ? 0 : 1);
    asked[kind * TYPE_NAMES.length + typeIndex(query.type())].increment();
  }

  /// Over UDP.
  void asked(boolean overIpv6, int type) {
    asked[(overIpv6 ? TYPE_NAMES.length : 0) + typeIndex(type)].increment();
  }

  private static int typeIndex(int type) {
    for (int i = 0; i < TYPES.length; i++) {
      if (TYPES[i] == type) {
        return i;
      }
    }
    return TYPES.length;
  }

  static String typeName(int type) {
    int index = typeIndex(type);
    return index < TYPES.length ? TYPE_NAMES[index] : "TYPE" + type;
  }

  static String codeName(int responseCode) {
    return codeIndex(responseCode) < CODE_NAMES.length ? CODE_NAMES[responseCode] : "BADVERS";
  }

  /// What could not be read as a query.
  void wrong(int responseCode) {
    answered[codeIndex(responseCode)].increment();
  }

  void answered(int responseCode, long tookNanos) {
    answered(responseCode, 1, tookNanos);
  }

  /// @param tookNanos each of them
  void answered(int responseCode, int count, long tookNanos) {
    answered[codeIndex(responseCode)].add(count);
    nanos.add(count * tookNanos);
    int bucket = 0;
    while (bucket < BUCKETS && tookNanos > FIRST_BUCKET_NANOS << bucket) {
      bucket++;
    }
    buckets.addAndGet(bucket, count);
  }

  private static int codeIndex(int responseCode) {
    return responseCode < CODE_NAMES.length ? responseCode : BAD_VERSION_INDEX;
  }

  String text(Forwarder forwarder, int names) {
    StringBuilder text = new StringBuilder(4096);
    head(text, "coredns_build_info", "gauge");
    text.append("coredns_build_info{goversion=\"\",revision=\"\",version=\"fairway\"} 1\n");
    head(text, "coredns_dns_requests_total", "counter");
    for (int i = 0; i < asked.length; i++) {
      long count = asked[i].sum();
      if (count > 0) {
        int kind = i / TYPE_NAMES.length;
        text.append("coredns_dns_requests_total{").append(labels);
        text.append(",proto=\"").append(kind >= 2 ? "tcp" : "udp");
        text.append("\",family=\"").append(kind % 2 == 0 ? '1' : '2');
        text.append("\",type=\"").append(TYPE_NAMES[i % TYPE_NAMES.length]);
        text.append("\"} ").append(count).append('\n');
      }
    }
    head(text, "coredns_dns_responses_total", "counter");
    for (int i = 0; i < answered.length; i++) {
      long count = answered[i].sum();
      if (count > 0) {
        text.append("coredns_dns_responses_total{").append(labels).append(",plugin=\"\",rcode=\"");
        text.append(i == BAD_VERSION_INDEX ? "BADVERS" : CODE_NAMES[i]);
        text.append("\"} ").append(count).append('\n');
      }
    }
    durations(text);
    AnswerCache cache = forwarder.cache();
    plain(text, "coredns_cache_entries", "gauge", cache.size());
    plain(text, "coredns_cache_hits_total", "counter", cache.hits.sum());
    plain(text, "coredns_cache_misses_total", "counter", cache.misses.sum());
    plain(text, "coredns_cache_prefetch_total", "counter", cache.prefetches.sum());
    plain(text, "coredns_cache_served_stale_total", "counter", cache.staleHits.sum());
    plain(text, "coredns_forward_max_concurrent_rejects_total", "counter", forwarder.refused.sum());
    plain(text, "fairway_dns_names", "gauge", names);
    return text.toString();
  }

  private void durations(StringBuilder text) {
    String name = "coredns_dns_request_duration_seconds";
    head(text, name, "histogram");
    long sum = 0;
    for (int i = 0; i <= BUCKETS; i++) {
      sum += buckets.get(i);
      text.append(name).append("_bucket{").append(labels).append(",le=\"");
      text.append(i == BUCKETS ? "+Inf" : Double.toString(0.00025 * (1 << i)));
      text.append("\"} ").append(sum).append('\n');
    }
    text.append(name).append("_sum{").append(labels).append("} ").append(nanos.sum() / 1e9);
    text.append('\n').append(name).append("_count{").append(labels).append("} ").append(sum);
    text.append('\n');
  }

  private void plain(StringBuilder text, String name, String kind, long value) {
    head(text, name, kind);
    text.append(name).append('{').append(labels).append("} ").append(value).append('\n');
  }

  private static void head(StringBuilder text, String name, String kind) {
    text.append("# TYPE ").append(name).append(' ').append(kind).append('\n');
  }
}
