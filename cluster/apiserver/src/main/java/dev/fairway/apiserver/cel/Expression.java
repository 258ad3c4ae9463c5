// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.cel;

import dev.cel.runtime.CelEvaluationException;
import dev.cel.runtime.CelRuntime;
import java.util.Map;

/// An expression that can be evaluated, by many threads at once.
public final class Expression {
  private final String text;
  private final CelRuntime.Program program;

  Expression(String text, CelRuntime.Program program) {
    this.text = text;
    this.program = program;
  }

  /// As it was written.
  public String text() {
    return text;
  }

  /// Its value.
  ///
  /// @param variables by their names, in the form of [Values]
  /// @throws ExpressionFailed if it has none
  public Object evaluate(Map<String, Object> variables) throws ExpressionFailed {
    try {
      return program.eval(variables);
    } catch (CelEvaluationException | RuntimeException failed) {
      throw new ExpressionFailed(reason(failed), failed);
    } catch (StackOverflowError deep) {
      throw new ExpressionFailed("the expression is nested too deeply", deep);
    }
  }

  /// True or false.
  ///
  /// @throws ExpressionFailed if it is neither
  public boolean holds(Map<String, Object> variables) throws ExpressionFailed {
    if (evaluate(variables) instanceof Boolean answer) {
      return answer;
    }
    throw new ExpressionFailed("must evaluate to bool", null);
  }

  /// In upstream's words where they differ.
  private static String reason(Throwable failed) {
    String message = String.valueOf(failed.getMessage());
    String prefix = "evaluation error at <input>:";
    if (message.startsWith(prefix)) {
      int end = message.indexOf(": ", prefix.length());
      message = end < 0 ? message : message.substring(end + 2);
    }
    String absent = " is not present in map.";
    if (message.startsWith("key '") && message.endsWith(absent)) {
      return "no such key: " + message.substring(5, message.length() - absent.length() - 1);
    }
    if (message.startsWith("No matching overload")) {
      return "no such overload";
    }
    Throwable root = failed;
    while (root.getCause() != null) {
      root = root.getCause();
    }
    boolean ours = message.contains("'fairway_") && root.getMessage() != null;
    return ours ? String.valueOf(root.getMessage()) : message;
  }
}
