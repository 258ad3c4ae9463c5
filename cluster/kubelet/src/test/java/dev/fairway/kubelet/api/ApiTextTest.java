// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet.api;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Optional;
import java.util.random.RandomGeneratorFactory;
import org.junit.jupiter.api.Test;

/// Reading of log lines and of certificates' names.
class ApiTextTest {
  @Test
  void aWholeLineGetsItsNewlineAndAPartialOneDoesNot() {
    assertThat(text("2026-01-01T00:00:00.1Z stdout F hello")).contains("hello\n");
    assertThat(text("2026-01-01T00:00:00.1Z stderr F ")).contains("\n");
    assertThat(text("2026-01-01T00:00:00.1Z stdout P hel")).contains("hel");
    assertThat(text("2026-01-01T00:00:00.1Z stdout")).isEmpty();
    assertThat(text("")).isEmpty();
    LogLine line = parse("2026-01-01T00:00:00.1Z stdout F a").orElseThrow();
    assertThat(line.before(Instant.parse("2026-01-01T00:00:01Z"))).isTrue();
    assertThat(line.before(Instant.MIN)).isFalse();
  }

  @Test
  void anyBytesAreReadWithoutHarm() {
    var random = RandomGeneratorFactory.of("L64X128MixRandom").create(11);
    for (int i = 0; i < 50_000; i++) {
      byte[] bytes = new byte[random.nextInt(100)];
      random.nextBytes(bytes);
      for (int j = 0; j < bytes.length; j += 1 + random.nextInt(9)) {
        bytes[j] = ' ';
      }
      LogLine.parse(bytes, bytes.length)
          .ifPresent(line -> assertThat(line.before(Instant.EPOCH)).isIn(true, false));
    }
  }

  @Test
  void onlyTheRightNamesMayUseTheNode() {
    assertThat(Caller.of("CN=admin,O=system:masters").mayUseNode()).isTrue();
    assertThat(Caller.of("O=system:masters+O=more,CN=x").mayUseNode()).isTrue();
    assertThat(Caller.of("CN=kube-apiserver-kubelet-client").mayUseNode()).isTrue();
    assertThat(Caller.of("CN=system:node:a,O=system:nodes").mayUseNode()).isFalse();
    assertThat(Caller.of("CN=a\\,O\\=system:masters").mayUseNode()).isFalse();
    assertThat(Caller.of("").mayUseNode()).isFalse();
  }

  private static Optional<String> text(String line) {
    return parse(line).map(parsed -> new String(parsed.text(), StandardCharsets.UTF_8));
  }

  private static Optional<LogLine> parse(String line) {
    byte[] bytes = line.getBytes(StandardCharsets.UTF_8);
    return LogLine.parse(bytes, bytes.length);
  }
}
