// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class QuantityTest {
  @ParameterizedTest
  @CsvSource({
    "0,0",
    "0Gi,0",
    "1,1",
    "500m,500m",
    "0.5,500m",
    "1000m,1",
    "1500m,1500m",
    "1.5,1500m",
    "1000,1k",
    "1500,1500",
    "12000,12k",
    "1k,1k",
    "1Ki,1Ki",
    "1024,1024",
    "1024Mi,1Gi",
    "1.5Gi,1536Mi",
    "0.5Mi,512Ki",
    "512Ki,512Ki",
    "1000Ki,1000Ki",
    "0.5Ki,512",
    "100M,100M",
    "1e3,1e3",
    "12e6,12e6",
    "5E3,5e3",
    "1E,1E",
    "1Ei,1Ei",
    "-1,-1",
    "-500m,-500m",
    "+5,5",
    ".5,500m",
    "5.,5",
    "100n,100n",
    "1u,1u",
    "0.1n,1n",
    "1e-3,1e-3",
    "1e4,10e3",
    "110,110",
    "3932160Ki,3840Mi",
    "2000000,2M"
  })
  void printsCanonically(String text, String canonical) {
    assertThat(Quantity.parse(text)).hasToString(canonical);
    assertThat(Quantity.parse(canonical)).isEqualTo(Quantity.parse(text));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "", "m", "1x", "1KI", "1.2.3", "1 Gi", "--1", "1-", "1e", "1e99999", "Gi", "1mm", "NaN",
        "0x10"
      })
  void rejectsOthers(String text) {
    assertThatThrownBy(() -> Quantity.parse(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("quantities must match");
  }

  @Test
  void computes() {
    assertThat(Quantity.parse("100m").plus(Quantity.parse("0.9"))).hasToString("1");
    assertThat(Quantity.parse("1Gi").minus(Quantity.parse("512Mi"))).hasToString("512Mi");
    assertThat(Quantity.parse("1Gi")).isGreaterThan(Quantity.parse("1G"));
    assertThat(Quantity.parse("0.0001").millis()).isEqualTo(1);
    assertThat(Quantity.parse("250m").millis()).isEqualTo(250);
    assertThat(Quantity.parse("1Ki").bytes()).isEqualTo(1024);
    assertThat(Quantity.parse("100E").bytes()).isEqualTo(Long.MAX_VALUE);
  }

  @Test
  void survivesAnyText() {
    Random random = new Random(7);
    String letters = "0123456789.+-eEinumkKMGTP ";
    for (int i = 0; i < 200_000; i++) {
      StringBuilder text = new StringBuilder();
      int length = random.nextInt(9);
      for (int j = 0; j < length; j++) {
        text.append(letters.charAt(random.nextInt(letters.length())));
      }
      try {
        Quantity parsed = Quantity.parse(text.toString());
        assertThat(Quantity.parse(parsed.toString()).compareTo(parsed))
            .as(text.toString())
            .isZero();
      } catch (IllegalArgumentException e) {
        assertThat(e).hasMessageStartingWith("quantities must match");
      }
    }
  }
}
