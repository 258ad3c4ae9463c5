// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DecoderTest {
  private final Kind pod = Examples.kind("v1", "Pod");

  private Decoder.Decoded decode(String json, FieldValidation mode) {
    return Decoder.decode(pod, Examples.bytes(json), false, mode);
  }

  @Test
  void findsUnknownAndDuplicateFields() {
    String json =
        """
        {"metadata":{"name":"a","nme":"b"},"spec":{"foo":1,
         "containers":[{"name":"c","name":"d","imag":"x"}]}}\
        """;
    assertThatThrownBy(() -> decode(json, FieldValidation.STRICT))
        .isInstanceOf(StatusException.class)
        .hasMessage(
            "Pod in version \"v1\" cannot be handled as a Pod: strict decoding error: unknown field"
                + " \"metadata.nme\", unknown field \"spec.foo\", unknown field"
                + " \"spec.containers[0].imag\", duplicate field \"spec.containers[0].name\"");
    Decoder.Decoded warned = decode(json, FieldValidation.WARN);
    assertThat(warned.warnings()).hasSize(4).startsWith("unknown field \"metadata.nme\"");
    assertThat(warned.object().toString())
        .isEqualTo(
            "{\"metadata\":{\"name\":\"a\"},\"spec\":{\"containers\":[{\"name\":\"d\"}]},"
                + "\"apiVersion\":\"v1\",\"kind\":\"Pod\"}");
    assertThat(decode(json, FieldValidation.IGNORE).warnings()).isEmpty();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{\"spec\":{\"containers\":\"x\"}} | spec.containers: expected a list, got a string \"x\"",
        "{\"spec\":{\"hostNetwork\":\"yes\"}} | spec.hostNetwork: expected true or false, got a string \"yes\"",
        "{\"spec\":{\"containers\":[{\"ports\":[{\"containerPort\":\"80\"}]}]}} | spec.containers[0].ports[0].containerPort: expected an integer (int32), got a string \"80\"",
        "{\"spec\":{\"nodeSelector\":{\"a\":1}}} | spec.nodeSelector.a: expected a string, got a number 1",
        "{\"spec\":{\"volumes\":[{\"name\":\"v\",\"emptyDir\":{\"sizeLimit\":\"big\"}}]}} | spec.volumes[0].emptyDir.sizeLimit: \"big\" is not a quantity",
        "{\"metadata\":{\"creationTimestamp\":\"now\"}} | metadata.creationTimestamp: \"now\" is not a time",
        "{\"kind\":\"Service\"} | the object provided is of kind \"Service\"",
        "{\"apiVersion\":\"apps/v1\"} | the API version in the data (apps/v1) does not match",
        "[] | the body must be an object of kind Pod, not a list",
        "{ | the body is not valid JSON",
        "{} {} | the body goes on after the end",
      })
  void saysWhatIsWrong(String json, String message) {
    assertThatThrownBy(() -> decode(json, FieldValidation.IGNORE))
        .isInstanceOfSatisfying(StatusException.class, e -> assertThat(e.code()).isEqualTo(400))
        .hasMessageContaining(message);
  }

  @Test
  void writesValuesInCanonicalForm() {
    String json =
        """
        {"metadata":{"name":"a","creationTimestamp":"2026-01-02T05:04:05.5+02:00","labels":null},
         "spec":{"overhead":{"cpu":0.5,"memory":"1024Mi"}}}\
        """;
    assertThat(decode(json, FieldValidation.STRICT).object().toString())
        .contains("\"creationTimestamp\":\"2026-01-02T03:04:05Z\"")
        .contains("{\"cpu\":\"500m\",\"memory\":\"1Gi\"}")
        .doesNotContain("labels");
  }

  @Test
  void survivesAnyText() {
    Random random = new Random(11);
    byte[] good =
        Examples.bytes(
            "{\"metadata\":{\"name\":\"a\"},\"spec\":{\"containers\":[{\"name\":\"c\","
                + "\"ports\":[{\"containerPort\":80}]}]}}");
    for (int i = 0; i < 30_000; i++) {
      byte[] text = good.clone();
      for (int j = random.nextInt(4); j >= 0; j--) {
        text[random.nextInt(text.length)] =
            (byte) "{}[]\",:0aN\\ \u0001".charAt(random.nextInt(13));
      }
      for (boolean yaml : new boolean[] {false, true}) {
        if (yaml && i % 10 != 0) {
          continue;
        }
        try {
          Decoder.decode(pod, text, yaml, FieldValidation.WARN);
        } catch (StatusException e) {
          assertThat(e.code()).isEqualTo(400);
        }
      }
    }
  }
}
