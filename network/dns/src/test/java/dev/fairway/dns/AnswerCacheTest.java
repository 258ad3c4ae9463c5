// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.net.IpAddress;
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

  @Test
  void anAnswerAgesAndDies() {
    AnswerCache cache = new AnswerCache(10);
    cache.put(key("a"), positive(30), 0);
    assertThat(cache.get(key("A"), 0).answers().getFirst().ttlSeconds()).isEqualTo(30);
    assertThat(cache.get(key("a"), 29 * SECOND).answers().getFirst().ttlSeconds()).isEqualTo(1);
    assertThat(cache.get(key("a"), 30 * SECOND)).isNull();
    assertThat(cache.get(new AnswerCache.Key(Name.parse("a"), RecordType.A, true), 0)).isNull();
  }

  @Test
  void whatMayBeKeptAndHowLong() {
    assertThat(AnswerCache.ttlSeconds(positive(0))).isZero();
    assertThat(AnswerCache.ttlSeconds(positive(1 << 30))).isEqualTo(3600);
    assertThat(AnswerCache.ttlSeconds(negative(60, 20))).isEqualTo(20);
    assertThat(AnswerCache.ttlSeconds(negative(10, 20))).isEqualTo(10);
    assertThat(AnswerCache.ttlSeconds(negative(9999, 9999))).isEqualTo(300);
    assertThat(AnswerCache.ttlSeconds(Reply.error(ResponseCode.NAME_ERROR))).isZero();
    assertThat(AnswerCache.ttlSeconds(Reply.error(ResponseCode.SERVER_FAILURE))).isZero();
  }

  @Test
  void theOneUnusedForLongestGoesFirst() {
    AnswerCache cache = new AnswerCache(2);
    cache.put(key("a"), positive(30), 0);
    cache.put(key("b"), positive(30), 0);
    assertThat(cache.get(key("a"), 0)).isNotNull();
    cache.put(key("c"), positive(30), 0);
    assertThat(cache.get(key("b"), 0)).isNull();
    assertThat(cache.get(key("a"), 0)).isNotNull();
  }
}
