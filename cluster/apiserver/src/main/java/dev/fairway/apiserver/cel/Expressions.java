// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.cel;

import dev.cel.bundle.Cel;
import dev.cel.bundle.CelBuilder;
import dev.cel.bundle.CelFactory;
import dev.cel.common.CelIssue;
import dev.cel.common.CelOptions;
import dev.cel.common.CelValidationException;
import dev.cel.common.types.SimpleType;
import dev.cel.extensions.CelExtensions;
import dev.cel.parser.CelStandardMacro;
import dev.cel.runtime.CelEvaluationException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Understands expressions over a fixed set of variables. The same text is understood once.
public final class Expressions {
  private static final int LONGEST = 20_000;
  private static final int MOST_ITERATIONS = 100_000;
  private static final int MOST_KEPT = 4096;

  private final List<String> variables;
  private final Map<String, Expression> known =
      new LinkedHashMap<>(16, 0.75f, true) {
        private static final long serialVersionUID = 1;

        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Expression> eldest) {
          return size() > MOST_KEPT;
        }
      };
  private @Nullable Cel language;

  /// @param variables names that expressions may use
  public Expressions(List<String> variables) {
    this.variables = List.copyOf(variables);
  }

  /// Understands a text.
  ///
  /// @throws ExpressionFailed if it is no expression; says where, as upstream does
  public synchronized Expression parse(String text) throws ExpressionFailed {
    Expression found = known.get(text);
    if (found != null) {
      return found;
    }
    if (text.length() > LONGEST) {
      throw new ExpressionFailed("the expression is longer than " + LONGEST + " characters", null);
    }
    try {
      Cel cel = language();
      Expression made = new Expression(text, cel.createProgram(cel.compile(text).getAst()));
      known.put(text, made);
      return made;
    } catch (CelValidationException wrong) {
      throw new ExpressionFailed(shown(wrong), wrong);
    } catch (CelEvaluationException | RuntimeException wrong) {
      throw new ExpressionFailed(String.valueOf(wrong.getMessage()), wrong);
    } catch (StackOverflowError deep) {
      throw new ExpressionFailed("the expression is nested too deeply", deep);
    }
  }

  private static String shown(CelValidationException wrong) {
    StringBuilder text = new StringBuilder("compilation failed: ");
    for (CelIssue issue : wrong.getErrors()) {
      text.append(text.length() > 20 ? "\n" : "")
          .append("ERROR: <input>:")
          .append(issue.getSourceLocation().getLine())
          .append(':')
          .append(issue.getSourceLocation().getColumn() + 1)
          .append(": ")
          .append(issue.getMessage());
    }
    return text.toString();
  }

  private Cel language() {
    if (language == null) {
      CelOptions options =
          CelOptions.current()
              .enableHeterogeneousNumericComparisons(true)
              .comprehensionMaxIterations(MOST_ITERATIONS)
              .maxExpressionCodePointSize(LONGEST)
              .build();
      CelBuilder builder =
          CelFactory.legacyCelBuilder()
              .setOptions(options)
              .setStandardMacros(CelStandardMacro.STANDARD_MACROS)
              .addCompilerLibraries(
                  CelExtensions.strings(), CelExtensions.sets(options), CelExtensions.optional())
              .addRuntimeLibraries(
                  CelExtensions.strings(), CelExtensions.sets(options), CelExtensions.optional());
      variables.forEach(name -> builder.addVar(name, SimpleType.DYN));
      ListFunctions.add(builder);
      QuantityFunctions.add(builder);
      AddressFunctions.add(builder);
      UrlFunctions.add(builder);
      language = builder.build();
    }
    return language;
  }
}
