// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.admission;

import dev.fairway.apimachinery.FieldError;
import dev.fairway.apimachinery.StatusException;
import dev.fairway.apimachinery.Trees;
import dev.fairway.apiserver.cel.ExpressionFailed;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.JsonNode;

/// Rejects policies, and conditions of webhooks, whose expressions cannot be understood.
final class PolicyExpressions implements AdmissionStep {
  private static final String GROUP = "admissionregistration.k8s.io";

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
        check(webhook, "webhooks[" + index++ + "].", "matchConditions", "expression", errors);
      }
    } else if (admission.kind().kind().endsWith("AdmissionPolicy")) {
      JsonNode spec = object.path("spec");
      check(spec, "spec.", "matchConditions", "expression", errors);
      check(spec, "spec.", "variables", "expression", errors);
      check(spec, "spec.", "validations", "expression", errors);
      check(spec, "spec.", "validations", "messageExpression", errors);
      check(spec, "spec.", "auditAnnotations", "valueExpression", errors);
    }
    if (!errors.isEmpty()) {
      throw StatusException.invalid(admission.kind(), admission.name(), errors);
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
