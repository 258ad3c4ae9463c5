// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.admission;

import dev.fairway.apimachinery.Trees;
import dev.fairway.apiserver.cel.ExpressionFailed;
import dev.fairway.apiserver.cel.Expressions;
import dev.fairway.apiserver.cel.Values;
import dev.fairway.apiserver.registry.Lookup;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// What expressions of policies and webhooks see of a write, and `matchConditions`.
final class Conditions {
  static final List<String> VARIABLES =
      List.of("object", "oldObject", "request", "params", "namespaceObject", "variables");

  private final Expressions expressions = new Expressions(VARIABLES);
  private final Lookup lookup;

  Conditions(Lookup lookup) {
    this.lookup = lookup;
  }

  Expressions expressions() {
    return expressions;
  }

  /// The variables of a write, without `params` and `variables`.
  Map<String, Object> of(Admission admission, String version) {
    Map<String, Object> found = new HashMap<>();
    boolean deletes = admission.operation() == Admission.Operation.DELETE;
    found.put("object", Values.of(deletes ? null : admission.object()));
    found.put("oldObject", Values.of(admission.old()));
    ObjectNode request = AdmissionReview.request(admission, version);
    request.put("dryRun", admission.dryRun());
    found.put("request", Values.of(request));
    found.put("params", Values.of(null));
    found.put("variables", Map.of());
    found.put("namespaceObject", Values.of(namespace(admission)));
    return found;
  }

  private @Nullable ObjectNode namespace(Admission admission) {
    return admission.kind().namespaced()
        ? lookup.get("", "Namespace", "", admission.namespace())
        : null;
  }

  /// Whether all conditions hold. One that is false decides, even if another fails.
  ///
  /// @throws ExpressionFailed if one has no value and none is false
  boolean hold(List<JsonNode> conditions, Map<String, Object> variables) throws ExpressionFailed {
    ExpressionFailed failed = null;
    for (JsonNode condition : conditions) {
      try {
        if (!expressions.parse(Trees.text(condition, "expression")).holds(variables)) {
          return false;
        }
      } catch (ExpressionFailed broken) {
        failed = failed == null ? broken : failed;
      }
    }
    if (failed != null) {
      throw failed;
    }
    return true;
  }
}
