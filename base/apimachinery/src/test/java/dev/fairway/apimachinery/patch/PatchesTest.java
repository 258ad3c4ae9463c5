// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery.patch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fairway.apimachinery.Examples;
import dev.fairway.apimachinery.Kind;
import dev.fairway.apimachinery.StatusException;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.node.ObjectNode;

class PatchesTest {
  private final Kind pod = Examples.kind("v1", "Pod");

  private void check(Patches.Type type, String before, String patch, String after) {
    ObjectNode current = Examples.yaml(before);
    ObjectNode patched = Patches.apply(type, pod, current, Examples.bytes(patch), true);
    assertThat(patched).isEqualTo(Examples.yaml(after));
    assertThat(current).isEqualTo(Examples.yaml(before));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        // Each row: spec before | spec of the patch | spec after.
        "{containers: [{name: a, image: x}]} | {containers: [{name: a, image: y}]} | {containers: [{name: a, image: y}]}",
        "{containers: [{name: a}]} | {containers: [{name: b, image: y}]} | {containers: [{name: a}, {name: b, image: y}]}",
        "{containers: [{name: a}, {name: b}]} | {containers: [{name: a, $patch: delete}]} | {containers: [{name: b}]}",
        "{containers: [{name: a, image: x}]} | {containers: [{name: a, tty: true, $patch: replace}]} | {containers: [{name: a, tty: true}]}",
        "{containers: [{name: a}, {name: b}]} | {containers: [{name: c}, {$patch: replace}]} | {containers: [{name: c}]}",
        "{containers: [{name: a}, {name: b}]} | {$setElementOrder/containers: [{name: b}, {name: a}]} | {containers: [{name: b}, {name: a}]}",
        "{containers: [{name: a}]} | {$setElementOrder/containers: [{name: b}, {name: a}], containers: [{name: b}]} | {containers: [{name: b}, {name: a}]}",
        "{tolerations: [{key: a}]} | {tolerations: [{key: b}]} | {tolerations: [{key: b}]}",
        "{containers: [{name: a, args: [x]}]} | {containers: [{name: a, args: [y]}]} | {containers: [{name: a, args: [y]}]}",
        "{nodeSelector: {a: '1', b: '2'}} | {nodeSelector: {a: null, c: '3'}} | {nodeSelector: {b: '2', c: '3'}}",
        "{nodeSelector: {a: '1'}} | {nodeSelector: {$patch: replace, b: '2'}} | {nodeSelector: {b: '2'}}",
        "{nodeSelector: {a: '1'}, nodeName: n} | {nodeSelector: {$patch: delete}} | {nodeName: n}",
        "{volumes: [{name: v, emptyDir: {}}]} | {volumes: [{name: v, $retainKeys: [name, hostPath], hostPath: {path: /a}}]} | {volumes: [{name: v, hostPath: {path: /a}}]}",
        "{containers: [{name: a, env: [{name: X, value: '1'}]}]} | {containers: [{name: a, env: [{name: Y, value: '2'}]}]} | {containers: [{name: a, env: [{name: X, value: '1'}, {name: Y, value: '2'}]}]}",
        "{containers: [{name: a, ports: [{containerPort: 80}]}]} | {containers: [{name: a, ports: [{containerPort: 80, name: web}]}]} | {containers: [{name: a, ports: [{containerPort: 80, name: web}]}]}",
        "{} | {containers: [{name: a, image: null}], nodeName: null} | {containers: [{name: a}]}",
      })
  void strategicMerge(String before, String patch, String after) {
    check(
        Patches.Type.STRATEGIC,
        "{spec: " + before + "}",
        "{spec: " + patch + "}",
        "{spec: " + after + "}");
  }

  @Test
  void strategicMergeOfValues() {
    check(
        Patches.Type.STRATEGIC,
        "{metadata: {finalizers: [a, b]}}",
        "{metadata: {finalizers: [c, a]}}",
        "{metadata: {finalizers: [a, b, c]}}");
    check(
        Patches.Type.STRATEGIC,
        "{metadata: {finalizers: [a, b]}}",
        "{metadata: {$deleteFromPrimitiveList/finalizers: [a]}}",
        "{metadata: {finalizers: [b]}}");
    assertThatThrownBy(
            () -> check(Patches.Type.STRATEGIC, "{}", "{spec: {containers: [{image: x}]}}", "{}"))
        .hasMessageContaining("an element of containers has no name");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{a: b} | {a: c} | {a: c}",
        "{a: b, b: c} | {a: null} | {b: c}",
        "{a: [b]} | {a: c} | {a: c}",
        "{a: {b: c}} | {a: {b: d, c: null}} | {a: {b: d}}",
        "{a: [{b: c}]} | {a: [1]} | {a: [1]}",
        "{e: null} | {a: 1} | {e: null, a: 1}",
        "{} | {a: {bb: {ccc: null}}} | {a: {bb: {}}}",
      })
  void mergePatchOfTheRfc(String before, String patch, String after) {
    check(Patches.Type.MERGE, before, patch, after);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{foo: bar} | [{op: add, path: /baz, value: qux}] | {foo: bar, baz: qux}",
        "{foo: [bar, baz]} | [{op: add, path: /foo/1, value: qux}] | {foo: [bar, qux, baz]}",
        "{foo: [bar]} | [{op: add, path: /foo/-, value: [a]}] | {foo: [bar, [a]]}",
        "{baz: q, foo: b} | [{op: remove, path: /baz}] | {foo: b}",
        "{foo: [a, b]} | [{op: remove, path: /foo/0}] | {foo: [b]}",
        "{baz: q} | [{op: replace, path: /baz, value: x}] | {baz: x}",
        "{a: {b: 1}, c: {}} | [{op: move, from: /a/b, path: /c/d}] | {a: {}, c: {d: 1}}",
        "{f: [a, b, c]} | [{op: move, from: /f/0, path: /f/2}] | {f: [b, c, a]}",
        "{a: 1} | [{op: copy, from: /a, path: /b}] | {a: 1, b: 1}",
        "{a/b: 1, m~n: 2} | [{op: replace, path: /a~1b, value: 3}, {op: remove, path: /m~0n}] | {a/b: 3}",
        "{a: 1} | [{op: test, path: /a, value: 1.0}, {op: add, path: /b, value: 2}] | {a: 1, b: 2}",
      })
  void jsonPatchOfTheRfc(String before, String patch, String after) {
    check(Patches.Type.JSON, before, patch, after);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "[{op: test, path: /a, value: 2}] | testing value /a failed",
        "[{op: remove, path: /x}] | there is nothing at /x",
        "[{op: replace, path: /x, value: 1}] | there is nothing at /x",
        "[{op: add, path: /l/9, value: 1}] | is not a position in a list",
        "[{op: add, path: /l/01, value: 1}] | is not a position in a list",
        "[{op: add, path: x, value: 1}] | is not a JSON pointer",
        "[{op: add, path: /x}] | needs a value",
        "[{op: frob, path: /x}] | unknown operation",
        "[{op: move, from: /o, path: /o/p}] | into itself",
        "{a: 1} | must be a list",
      })
  void jsonPatchSaysWhatIsWrong(String patch, String message) {
    assertThatThrownBy(() -> check(Patches.Type.JSON, "{a: 1, l: [1], o: {p: 1}}", patch, "{}"))
        .isInstanceOf(StatusException.class)
        .hasMessageContaining(message);
  }

  @Test
  void survivesAnyPatch() {
    Random random = new Random(3);
    String[] words = {
      "{",
      "}",
      "[",
      "]",
      ":",
      ",",
      "\"$patch\"",
      "\"delete\"",
      "\"replace\"",
      "\"containers\"",
      "\"name\"",
      "\"a\"",
      "\"spec\"",
      "null",
      "1",
      "\"op\"",
      "\"path\"",
      "\"/spec/containers/0\"",
      "\"$setElementOrder/containers\"",
      "\"$retainKeys\"",
      "\"metadata\"",
      "\"finalizers\""
    };
    ObjectNode current = Examples.yaml("{spec: {containers: [{name: a}, {name: b}]}}");
    for (int i = 0; i < 50_000; i++) {
      StringBuilder text = new StringBuilder("{\"spec\":{\"containers\":[{");
      for (int j = random.nextInt(8); j >= 0; j--) {
        text.append(words[random.nextInt(words.length)]);
      }
      text.append("}]}}");
      for (Patches.Type type : Patches.Type.values()) {
        try {
          Patches.apply(type, pod, current, Examples.bytes(text.toString()), false);
        } catch (StatusException e) {
          assertThat(e.code()).isBetween(400, 422);
        }
      }
    }
  }

  @Test
  void copiesOfCopiesDoNotGrowWithoutBound() {
    StringBuilder wide = new StringBuilder("[{op: copy, from: /l, path: /l/-}");
    StringBuilder deep = new StringBuilder("[{op: copy, from: /o, path: /o/p}");
    for (int i = 0; i < 60; i++) {
      wide.append(", {op: copy, from: /l, path: /l/-}");
      deep.append(", {op: copy, from: /o, path: /o").append("/p".repeat(i + 2)).append('}');
    }
    for (StringBuilder patch : List.of(wide, deep)) {
      assertThatThrownBy(() ->
              check(Patches.Type.JSON, "{a: 1, l: [1], o: {p: 1}}", patch.append(']') + "", ""))
          .isInstanceOf(StatusException.class)
          .hasMessageContaining("may copy");
    }
  }
}
