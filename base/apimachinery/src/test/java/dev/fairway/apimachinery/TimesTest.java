// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TimesTest {
  @ParameterizedTest
  @CsvSource({
    "-5,<invalid>",
    "0,0s",
    "1,1s",
    "119,119s",
    "120,2m",
    "130,2m10s",
    "599,9m59s",
    "600,10m",
    "10799,179m",
    "10800,3h",
    "11100,3h5m",
    "28800,8h",
    "172799,47h",
    "172800,2d",
    "187200,2d4h",
    "691200,8d",
    "63072000,2y",
    "66096000,2y35d",
    "252288000,8y"
  })
  void showsDurationsAsKubectlDoes(long seconds, String text) {
    assertThat(Times.humanDuration(Duration.ofSeconds(seconds))).isEqualTo(text);
  }

  @Test
  void writesAndReads() {
    Instant time = Instant.parse("2026-01-02T03:04:05.000678Z");
    assertThat(Times.rfc3339(time)).isEqualTo("2026-01-02T03:04:05Z");
    assertThat(Times.rfc3339Micro(time)).isEqualTo("2026-01-02T03:04:05.000678Z");
    assertThat(Times.parse("2026-01-02T05:04:05.000678+02:00")).isEqualTo(time);
    assertThatThrownBy(() -> Times.parse("yesterday")).isInstanceOf(IllegalArgumentException.class);
  }
}
