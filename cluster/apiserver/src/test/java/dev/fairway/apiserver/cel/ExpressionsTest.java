// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.cel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fairway.apimachinery.Trees;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// The language as Kubernetes has it: its own functions, its errors, its bounds.
final class ExpressionsTest {
  private static final Expressions EXPRESSIONS = new Expressions(List.of("object"));
  private static final Object OBJECT =
      Values.of(
          Trees.readObject(
              "{\"spec\":{\"n\":3,\"l\":[3,1,2],\"s\":\"abc123\",\"a-b\":1,\"f\":1.5,"
                  + "\"namespace\":\"q\"},\"x\":null}"));

  private static Object value(String text) throws ExpressionFailed {
    return EXPRESSIONS.parse(text).evaluate(Map.of("object", OBJECT));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "object.spec.l.sum() | 6",
        "[1.5, 2].sum() | 3.5",
        "object.spec.l.isSorted() | false",
        "[1, 2, 2].isSorted() | true",
        "object.spec.l.max() | 3",
        "['a', 'b'].min() | a",
        "object.spec.l.indexOf(2) | 2",
        "[1, 2, 1].lastIndexOf(1) | 2",
        "object.spec.s.find('[0-9]+') | 123",
        "object.spec.s.findAll('[0-9]') | [1, 2, 3]",
        "object.spec.s.findAll('[0-9]', 2) | [1, 2]",
        "object.spec.a__dash__b | 1",
        "object.spec.__namespace__ | q",
        "has(object.x) | false",
        "has(object.spec.n) && !has(object.spec.m) | true",
        "object.?nope.orValue(5) | 5",
        "object.spec.l.all(i, i > 0) | true",
        "object.spec.l.map(i, i * 2) | [6, 2, 4]",
        "object.spec.f > 1 | true",
        "'a,b'.split(',').size() | 2",
        "sets.contains([1, 2], [1]) | true",
        "quantity('1Gi').isGreaterThan(quantity('1000Mi')) | true",
        "quantity('50k').add(20).asInteger() | 50020",
        "quantity('1').sub(quantity('500m')).asApproximateFloat() | 0.5",
        "quantity('200M').compareTo(quantity('0.2G')) | 0",
        "quantity('1') == quantity('1000m') | true",
        "isQuantity('x') == quantity('1.5').isInteger() | true",
        "ip('10.0.0.1').family() | 4",
        "isIP('::1') && !isIP('x') | true",
        "ip('fe80::1').isLinkLocalUnicast() | true",
        "cidr('10.0.0.0/8').containsIP('10.1.1.1') | true",
        "cidr('10.0.0.0/8').containsIP(ip('11.1.1.1')) | false",
        "cidr('10.0.0.0/8').containsCIDR(cidr('10.1.0.0/16')) | true",
        "cidr('192.168.0.0/24').prefixLength() | 24",
        "string(cidr('192.168.0.0/24').ip()) | 192.168.0.0",
        "url('https://u:1@example.com:80/path?a=b').getHost() | example.com:80",
        "url('https://[::1]:80/').getHostname() | ::1",
        "url('https://e.com/p?k=v').getQuery()['k'][0] | v",
        "isURL('a b') | false",
        "timestamp('2024-01-01T00:00:00Z').getFullYear() | 2024",
      })
  void values(String text, String value) throws ExpressionFailed {
    assertThat(value(text)).hasToString(value);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "object.spec.m | no such key: m",
        "object.spec.n + 'x' | no such overload",
        "[].max() | max called on empty list",
        "ip('10.0.0.0.1') == ip('::') | 10.0.0.0.1",
        "nobody > 1 | compilation failed: ERROR: <input>:1:1: undeclared reference to 'nobody'",
        "1 + | compilation failed: ERROR: <input>:1:4:",
      })
  void failures(String text, String message) {
    assertThatThrownBy(() -> value(text))
        .isInstanceOf(ExpressionFailed.class)
        .hasMessageContaining(message);
  }

  @Test
  void whatTakesTooLongEnds() {
    String deep = "object.spec.l.all(a, ".repeat(11) + "true" + ")".repeat(11);
    assertThatThrownBy(() -> value(deep)).isInstanceOf(ExpressionFailed.class);
    assertThatThrownBy(() -> value("(".repeat(9000) + "1" + ")".repeat(9000)))
        .isInstanceOf(ExpressionFailed.class);
    assertThatThrownBy(() -> value("1+".repeat(20_000) + "1"))
        .isInstanceOf(ExpressionFailed.class)
        .hasMessageContaining("longer than");
  }

  @Test
  void noTextBreaksIt() {
    Random random = new Random(5);
    String parts = "object.spec[]()'\"+-*/%<>=!&|?:,{}0123456789.allmaphas ";
    for (int i = 0; i < 400; i++) {
      StringBuilder text = new StringBuilder();
      for (int j = random.nextInt(30); j >= 0; j--) {
        text.append(parts.charAt(random.nextInt(parts.length())));
      }
      try {
        assertThat(value(text.toString())).isNotNull();
      } catch (ExpressionFailed said) {
        assertThat(said.getMessage()).isNotEmpty();
      }
    }
  }
}
