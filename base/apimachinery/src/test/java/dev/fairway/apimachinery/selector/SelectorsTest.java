// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery.selector;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fairway.apimachinery.Examples;
import dev.fairway.apimachinery.Kind;
import dev.fairway.apimachinery.StatusException;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.node.ObjectNode;

class SelectorsTest {
  private final Kind pod = Examples.kind("v1", "Pod");
  private final ObjectNode object =
      Examples.yaml(
          """
          metadata: {name: p, namespace: d, labels: {app: web, tier: front, size: '5', empty: ''}}
          spec: {nodeName: w0}
          status: {phase: Running}
          """);

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "app=web | true",
        "app==web | true",
        "app=db | false",
        "app!=db | true",
        "app!=web | false",
        "none!=x | true",
        "app | true",
        "none | false",
        "!none | true",
        "!app | false",
        "app in (web,db) | true",
        "app in (db) | false",
        "app notin (db) | true",
        "none notin (a) | true",
        "size>4 | true",
        "size<4 | false",
        "app>1 | false",
        "empty= | true",
        "app=web,tier=front | true",
        "app=web,tier=back | false",
        " app = web , tier in ( front , x ) | true",
        "app in (web),!none | true",
        "a.b/c!=x | true",
      })
  void labels(String query, boolean matches) {
    LabelSelector selector = LabelSelector.parse(query);
    assertThat(selector.matches(object)).isEqualTo(matches);
    assertThat(LabelSelector.parse(selector.toString()).matches(object)).isEqualTo(matches);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "=", "a=b=c", "a in", "a in (", "a in (b", "a in b", "!", "a,,b", "-a=b", "a=b c", "a>x",
        "a!b"
      })
  void rejectsOtherQueries(String query) {
    assertThatThrownBy(() -> LabelSelector.parse(query))
        .isInstanceOf(StatusException.class)
        .hasMessageContaining("unable to parse requirement");
  }

  @Test
  void readsObjects() {
    assertThat(
            LabelSelector.of(
                    Examples.yaml(
                        "{matchLabels: {app: web}, matchExpressions: [{key: tier, operator: In, values:"
                            + " [front]}, {key: x, operator: DoesNotExist}]}"))
                .toString())
        .isEqualTo("app=web,tier=front,!x");
    assertThat(LabelSelector.of(null).matches(object)).isFalse();
    assertThat(LabelSelector.of(Examples.yaml("{}")).isEverything()).isTrue();
    assertThat(LabelSelector.ofMap(Examples.yaml("{}")).matches(object)).isFalse();
    assertThat(LabelSelector.parse("").isEverything()).isTrue();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "spec.nodeName=w0 | true", "spec.nodeName==w0 | true", "spec.nodeName!=w0 | false",
        "spec.nodeName= | false", "status.podIP= | true",
            "metadata.name=p,status.phase!=Failed | true",
        "metadata.namespace=x | false", "status.phase=Running, | true",
      })
  void fields(String query, boolean matches) {
    assertThat(FieldSelector.parse(pod, query).matches(object)).isEqualTo(matches);
  }

  @Test
  void knowsTheFieldsOfAKind() {
    assertThat(FieldSelector.parse(pod, "metadata.name=p").exact("metadata.name")).contains("p");
    assertThatThrownBy(() -> FieldSelector.parse(pod, "spec.foo=1"))
        .hasMessage("field label not supported: spec.foo");
    assertThatThrownBy(() -> FieldSelector.parse(pod, "spec.nodeName"))
        .hasMessageContaining("can't understand it");
    assertThat(
            FieldSelector.parse(Examples.kind("v1", "Node"), "spec.unschedulable=false")
                .matches(Examples.yaml("{spec: {}}")))
        .isTrue();
  }

  @Test
  void surviveAnyText() {
    Random random = new Random(5);
    String letters = "ab.=!,()<> in\\notin";
    for (int i = 0; i < 100_000; i++) {
      StringBuilder text = new StringBuilder();
      for (int j = random.nextInt(14); j >= 0; j--) {
        text.append(letters.charAt(random.nextInt(letters.length())));
      }
      try {
        LabelSelector parsed = LabelSelector.parse(text.toString());
        assertThat(LabelSelector.parse(parsed.toString())).hasToString(parsed.toString());
      } catch (StatusException e) {
        assertThat(e.code()).isEqualTo(400);
      }
      try {
        FieldSelector.parse(pod, text.toString());
      } catch (StatusException e) {
        assertThat(e.code()).isEqualTo(400);
      }
    }
  }
}
