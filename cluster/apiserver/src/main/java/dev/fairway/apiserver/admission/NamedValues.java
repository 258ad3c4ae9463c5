// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.admission;

import dev.fairway.apiserver.cel.ExpressionFailed;
import dev.fairway.apiserver.cel.Expressions;
import java.util.AbstractMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// The variables of a policy by their names; each is worked out when it is first asked for, and
/// fails only then. Of one evaluation, for one thread.
final class NamedValues extends AbstractMap<String, Object> {
  private final Expressions expressions;
  private final Map<String, String> texts;
  private final Map<String, Object> variables;
  private final Map<String, Object> known = new HashMap<>();
  private final Set<String> underway = new HashSet<>();

  NamedValues(Expressions expressions, Map<String, String> texts, Map<String, Object> variables) {
    this.expressions = expressions;
    this.texts = texts;
    this.variables = variables;
  }

  @Override
  public boolean containsKey(Object key) {
    return key instanceof String name && texts.containsKey(name);
  }

  @Override
  public @Nullable Object get(Object key) {
    if (!(key instanceof String name) || !texts.containsKey(name)) {
      return null;
    }
    Object value = known.get(name);
    if (value == null) {
      value = evaluate(name);
      known.put(name, value);
    }
    return value;
  }

  private Object evaluate(String name) {
    if (!underway.add(name)) {
      throw new IllegalArgumentException("variable '" + name + "' refers to itself");
    }
    try {
      return expressions.parse(texts.getOrDefault(name, "")).evaluate(variables);
    } catch (ExpressionFailed failed) {
      throw new IllegalArgumentException(
          "composited variable \"" + name + "\" fails to evaluate: " + failed.getMessage(), failed);
    } finally {
      underway.remove(name);
    }
  }

  @Override
  public int size() {
    return texts.size();
  }

  @Override
  public Set<Entry<String, Object>> entrySet() {
    Set<Entry<String, Object>> entries = new HashSet<>();
    for (String name : texts.keySet()) {
      Object value = get(name);
      if (value != null) {
        entries.add(Map.entry(name, value));
      }
    }
    return entries;
  }
}
