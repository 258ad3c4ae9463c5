// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery.selector;

import dev.fairway.apimachinery.Names;
import dev.fairway.apimachinery.StatusException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/// The grammar of a label selector query, read once from left to right.
final class LabelQuery {
  private static final int MOST_REQUIREMENTS = 256;

  private final String text;
  private int at;

  LabelQuery(String text) {
    this.text = text;
  }

  List<LabelSelector.Requirement> parse() {
    List<LabelSelector.Requirement> requirements = new ArrayList<>();
    do {
      requirements.add(requirement());
      if (requirements.size() > MOST_REQUIREMENTS) {
        throw fail("more than " + MOST_REQUIREMENTS + " requirements");
      }
    } while (take(','));
    if (at < text.length()) {
      throw fail("found '" + text.charAt(at) + "', expected ',' or the end");
    }
    return requirements;
  }

  private LabelSelector.Requirement requirement() {
    if (take('!')) {
      return of(key(), LabelSelector.Operator.NOT_EXISTS, Set.of());
    }
    String key = key();
    if (at >= text.length() || text.charAt(at) == ',') {
      return of(key, LabelSelector.Operator.EXISTS, Set.of());
    }
    if (take('!')) {
      if (!take('=')) {
        throw fail("found '!', expected '!='");
      }
      return of(key, LabelSelector.Operator.NOT_IN, Set.of(value()));
    }
    if (take('=')) {
      take('=');
      return of(key, LabelSelector.Operator.IN, Set.of(value()));
    }
    if (take('>')) {
      return of(key, LabelSelector.Operator.GREATER, Set.of(number()));
    }
    if (take('<')) {
      return of(key, LabelSelector.Operator.LESS, Set.of(number()));
    }
    String word = word();
    return switch (word) {
      case "in" -> of(key, LabelSelector.Operator.IN, values());
      case "notin" -> of(key, LabelSelector.Operator.NOT_IN, values());
      default -> throw fail("found '" + word + "', expected one of: in, notin, =, ==, !=, >, <");
    };
  }

  private LabelSelector.Requirement of(
      String key, LabelSelector.Operator operator, Set<String> values) {
    for (String value : values) {
      complain(Names.labelValue(value));
    }
    return new LabelSelector.Requirement(key, operator, values);
  }

  private String key() {
    String key = word();
    complain(Names.qualifiedName(key));
    return key;
  }

  private void complain(@Nullable String problem) {
    if (problem != null) {
      throw fail(problem);
    }
  }

  private String value() {
    return at < text.length() && text.charAt(at) == ',' ? "" : word();
  }

  private String number() {
    String word = word();
    try {
      Long.parseLong(word);
      return word;
    } catch (NumberFormatException e) {
      throw fail("'" + word + "' must be an integer");
    }
  }

  private Set<String> values() {
    if (!take('(')) {
      throw fail("expected '('");
    }
    Set<String> values = new TreeSet<>();
    do {
      values.add(word());
    } while (take(','));
    if (!take(')')) {
      throw fail("expected ')'");
    }
    return values;
  }

  private String word() {
    spaces();
    int start = at;
    while (at < text.length() && " ,=!<>()\t\r\n".indexOf(text.charAt(at)) < 0) {
      at++;
    }
    String word = text.substring(start, at);
    spaces();
    return word;
  }

  private boolean take(char wanted) {
    spaces();
    if (at < text.length() && text.charAt(at) == wanted) {
      at++;
      spaces();
      return true;
    }
    return false;
  }

  private void spaces() {
    while (at < text.length() && Character.isWhitespace(text.charAt(at))) {
      at++;
    }
  }

  private StatusException fail(String problem) {
    String shown = text.length() > 256 ? text.substring(0, 256) + "..." : text;
    return StatusException.badRequest(
        "unable to parse requirement in label selector \"" + shown + "\": " + problem);
  }
}
