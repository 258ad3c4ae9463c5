// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.admission;

import dev.fairway.apimachinery.FieldError;
import dev.fairway.apimachinery.StatusException;
import dev.fairway.apimachinery.Trees;
import dev.fairway.apimachinery.selector.LabelSelector;
import dev.fairway.apiserver.cel.ExpressionFailed;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.JsonNode;

/// Rejects policies and webhooks whose expressions or selectors cannot be understood.
final class PolicyExpressions implements AdmissionStep {
  private static final String GROUP = "admissionregistration.k8s.io";
  private static final int LONGEST_SECONDS = 30;

  private final Conditions conditions;

  PolicyExpressions(Conditions conditions) {
    this.conditions = conditions;
  }

  @Override
  public String name() {
    return "PolicyExpressions";
  }

  @Override
  public void admit(Admission admission) {
    if (!admission.kind().group().equals(GROUP) || admission.kind().custom() != null) {
      return;
    }
    List<FieldError> errors = new ArrayList<>();
    JsonNode object = admission.object();
    if (admission.kind().kind().endsWith("WebhookConfiguration")) {
      int index = 0;
      for (JsonNode webhook : Trees.items(object, "webhooks")) {
        String at = "webhooks[" + index++ + "].";
        check(webhook, at, "matchConditions", "expression", errors);
        selector(webhook, at, "namespaceSelector", errors);
        selector(webhook, at, "objectSelector", errors);
        long seconds = Trees.number(webhook, 1, "timeoutSeconds");
        if (seconds < 1 || seconds > LONGEST_SECONDS) {
          errors.add(
              FieldError.invalid(
                  at + "timeoutSeconds",
                  String.valueOf(seconds),
                  "the timeout value must be between 1 and 30 seconds"));
        }
      }
    } else if (admission.kind().kind().endsWith("AdmissionPolicy")) {
      JsonNode spec = object.path("spec");
      selectors(spec, "matchConstraints", errors);
      check(spec, "spec.", "matchConditions", "expression", errors);
      check(spec, "spec.", "variables", "expression", errors);
      check(spec, "spec.", "validations", "expression", errors);
      check(spec, "spec.", "validations", "messageExpression", errors);
      check(spec, "spec.", "auditAnnotations", "valueExpression", errors);
    } else if (admission.kind().kind().endsWith("AdmissionPolicyBinding")) {
      selectors(object.path("spec"), "matchResources", errors);
      selector(object.path("spec").path("paramRef"), "spec.paramRef.", "selector", errors);
    }
    if (!errors.isEmpty()) {
      throw StatusException.invalid(admission.kind(), admission.name(), errors);
    }
  }

  private static void selectors(JsonNode spec, String field, List<FieldError> errors) {
    String at = "spec." + field + ".";
    selector(spec.path(field), at, "namespaceSelector", errors);
    selector(spec.path(field), at, "objectSelector", errors);
  }

  private static void selector(
      JsonNode holder, String path, String field, List<FieldError> errors) {
    JsonNode selector = Trees.at(holder, field);
    if (selector == null) {
      return;
    }
    try {
      LabelSelector.of(selector);
    } catch (IllegalArgumentException wrong) {
      errors.add(
          FieldError.invalid(
              path + field, selector.toString(), String.valueOf(wrong.getMessage())));
    }
  }

  private void check(
      JsonNode holder, String path, String list, String field, List<FieldError> errors) {
    int index = 0;
    for (JsonNode item : Trees.items(holder, list)) {
      String at = path + list + "[" + index++ + "]." + field;
      String text = Trees.text(item, field);
      if (text.isBlank()) {
        if (!field.startsWith("message")) {
          errors.add(FieldError.required(at, list + " expression is required"));
        }
        continue;
      }
      try {
        conditions.expressions().parse(text.strip());
      } catch (ExpressionFailed wrong) {
        errors.add(FieldError.invalid(at, text, wrong.getMessage()));
      }
    }
  }
}
