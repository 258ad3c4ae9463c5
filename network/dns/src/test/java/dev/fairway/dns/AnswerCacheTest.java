// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.net.IpAddress;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

class AnswerCacheTest {
  private static final long SECOND = 1_000_000_000L;
  private static final Name NAME = Name.parse("www.example.test");

  private static AnswerCache.Key key(String name) {
    return new AnswerCache.Key(Name.parse(name), RecordType.A, false);
  }

  private static Reply positive(int ttl) {
    ResourceRecord record =
        ResourceRecord.of(NAME, ttl, new Rdata.Address(IpAddress.parse("192.0.2.1")));
    return new Reply(0, false, List.of(record), List.of(), List.of());
  }

  private static Reply negative(int ttl, int minimum) {
    Rdata soa = new Rdata.Soa(NAME, NAME, 1, 2, 3, 4, minimum);
    return new Reply(
        ResponseCode.NAME_ERROR,
        false,
        List.of(),
        List.of(ResourceRecord.of(NAME, ttl, soa)),
        List.of());
  }

  private static Caching caching(int answers, int prefetchHits, Duration stale) {
    return new Caching(
        answers, Duration.ofHours(1), Duration.ofMinutes(5), prefetchHits, stale, false);
  }

  @Test
  void aBusyAnswerIsRefreshedOnceBeforeItEnds() {
    AnswerCache cache = new AnswerCache(caching(10, 2, Duration.ZERO));
    cache.put(key("a"), positive(100), 0);
    assertThat(cache.get(key("a"), 10 * SECOND).refresh()).isFalse();
    assertThat(cache.get(key("a"), 91 * SECOND).refresh()).as("used twice").isTrue();
    assertThat(cache.get(key("a"), 92 * SECOND).refresh()).as("under way").isFalse();
    cache.refreshFailed(key("a"));
    assertThat(cache.get(key("a"), 93 * SECOND).refresh()).isTrue();
  }

  @Test
  void aStaleAnswerIsKeptForAWhile() {
    AnswerCache cache = new AnswerCache(caching(10, 0, Duration.ofSeconds(60)));
    cache.put(key("a"), positive(30), 0);
    AnswerCache.Found stale = cache.get(key("a"), 89 * SECOND);
    assertThat(stale.stale()).isTrue();
    assertThat(stale.reply().answers().getFirst().ttlSeconds()).isEqualTo(30);
    assertThat(cache.get(key("a"), 90 * SECOND)).isNull();
  }

  @Test
  void anAliasToNothingLivesAsLongAsTheDenial() {
    ResourceRecord alias = ResourceRecord.of(NAME, 600, new Rdata.Target(RecordType.CNAME, NAME));
    Reply denied = new Reply(0, false, List.of(alias), negative(20, 20).authorities(), List.of());
    assertThat(AnswerCache.ttlSeconds(denied, Caching.usual())).isEqualTo(20);
    Reply asked = new Reply(0, false, List.of(alias), List.of(), List.of());
    assertThat(AnswerCache.ttlSeconds(asked, Caching.usual())).isEqualTo(600);
  }

  @Test
  void anAnswerAgesAndDies() {
    AnswerCache cache = new AnswerCache(caching(10, 0, Duration.ZERO));
    cache.put(key("a"), positive(30), 0);
    assertThat(cache.get(key("A"), 0).reply().answers().getFirst().ttlSeconds()).isEqualTo(30);
    assertThat(cache.get(key("a"), 29 * SECOND).reply().answers().getFirst().ttlSeconds())
        .isEqualTo(1);
    assertThat(cache.get(key("a"), 30 * SECOND)).isNull();
    assertThat(cache.get(new AnswerCache.Key(Name.parse("a"), RecordType.A, true), 0)).isNull();
  }

  @Test
  void whatMayBeKeptAndHowLong() {
    assertThat(AnswerCache.ttlSeconds(positive(0), Caching.usual())).isZero();
    assertThat(AnswerCache.ttlSeconds(positive(1 << 30), Caching.usual())).isEqualTo(3600);
    assertThat(AnswerCache.ttlSeconds(negative(60, 20), Caching.usual())).isEqualTo(20);
    assertThat(AnswerCache.ttlSeconds(negative(10, 20), Caching.usual())).isEqualTo(10);
    assertThat(AnswerCache.ttlSeconds(negative(9999, 9999), Caching.usual())).isEqualTo(300);
    assertThat(AnswerCache.ttlSeconds(Reply.error(ResponseCode.NAME_ERROR), Caching.usual()))
        .isZero();
    assertThat(AnswerCache.ttlSeconds(Reply.error(ResponseCode.SERVER_FAILURE), Caching.usual()))
        .isZero();
  }

  @Test
  void theOneUnusedForLongestGoesFirst() {
    AnswerCache cache = new AnswerCache(caching(2, 0, Duration.ZERO));
    cache.put(key("a"), positive(30), 0);
    cache.put(key("b"), positive(30), 0);
    assertThat(cache.get(key("a"), 0)).isNotNull();
    cache.put(key("c"), positive(30), 0);
    assertThat(cache.get(key("b"), 0)).isNull();
    assertThat(cache.get(key("a"), 0)).isNotNull();
  }
}
