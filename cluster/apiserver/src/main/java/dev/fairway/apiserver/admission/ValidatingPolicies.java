// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.admission;

import dev.fairway.apimachinery.StatusException;
import dev.fairway.apimachinery.Trees;
import dev.fairway.apiserver.cel.ExpressionFailed;
import dev.fairway.apiserver.cel.Values;
import dev.fairway.apiserver.registry.Lookup;
import dev.fairway.store.Store;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// Judges by the ValidatingAdmissionPolicies that are bound (KEP-3488).
final class ValidatingPolicies implements AdmissionStep {
  private static final String GROUP = "admissionregistration.k8s.io";

  private final Lookup lookup;
  private final Conditions conditions;
  private final PolicyParameters parameters;
  private final Followed<Policy> policies;
  private final Followed<Binding> bindings;

  /// A policy, apart.
  private record Policy(
      String name, Matching matching, JsonNode spec, boolean ignoresFailure, List<JsonNode> rules) {
    static Policy of(ObjectNode object) {
      JsonNode spec = object.path("spec");
      return new Policy(
          Trees.text(object, "metadata", "name"),
          Matching.ofResources(Trees.at(spec, "matchConstraints")),
          spec,
          Trees.text(spec, "failurePolicy").equals("Ignore"),
          spec.path("validations").valueStream().toList());
    }
  }

  /// A binding, apart.
  private record Binding(
      String name, String policy, Matching matching, JsonNode spec, List<String> actions) {
    static Binding of(ObjectNode object) {
      JsonNode spec = object.path("spec");
      return new Binding(
          Trees.text(object, "metadata", "name"),
          Trees.text(spec, "policyName"),
          Matching.ofResources(Trees.at(spec, "matchResources")),
          spec,
          spec.path("validationActions").valueStream().map(JsonNode::asString).toList());
    }
  }

  /// One rule that does not hold.
  private record Fault(String message, String reason) {}

  ValidatingPolicies(Store store, Lookup lookup, Conditions conditions) {
    this.lookup = lookup;
    this.conditions = conditions;
    this.parameters = new PolicyParameters(store);
    this.policies = new Followed<>(store, GROUP, "ValidatingAdmissionPolicy", Policy::of);
    this.bindings = new Followed<>(store, GROUP, "ValidatingAdmissionPolicyBinding", Binding::of);
  }

  @Override
  public String name() {
    return "ValidatingAdmissionPolicy";
  }

  @Override
  public boolean judges(Admission admission) {
    return Webhooks.concern(admission);
  }

  @Override
  public boolean isUsers() {
    return true;
  }

  @Override
  public void admit(Admission admission) {
    List<Binding> all = bindings.all();
    if (all.isEmpty()) {
      return;
    }
    for (Policy policy : policies.all()) {
      String version = null;
      for (Binding binding : all) {
        if (!binding.policy().equals(policy.name())) {
          continue;
        }
        version = version == null ? policy.matching().version(admission, lookup) : version;
        if (version == null) {
          break;
        }
        if (binding.matching().fits(admission, lookup)) {
          judge(policy, binding, version, admission);
        }
      }
    }
  }

  private void judge(Policy policy, Binding binding, String version, Admission admission) {
    List<Fault> faults = new ArrayList<>();
    try {
      JsonNode paramKind = Trees.at(policy.spec(), "paramKind");
      for (ObjectNode given :
          parameters.of(paramKind, Trees.at(binding.spec(), "paramRef"), admission)) {
        Map<String, Object> variables = conditions.of(admission, version);
        variables.put("params", Values.of(given));
        variables.put("variables", named(policy, variables));
        List<JsonNode> first = policy.spec().path("matchConditions").valueStream().toList();
        if (conditions.hold(first, variables)) {
          faults.addAll(faults(policy, variables));
        }
      }
    } catch (IOException | ExpressionFailed failed) {
      if (!policy.ignoresFailure()) {
        faults.add(new Fault(String.valueOf(failed.getMessage()), ""));
      }
    }
    String subject =
        "ValidatingAdmissionPolicy '" + policy.name() + "' with binding '" + binding.name() + "'";
    for (Fault fault : faults) {
      if (binding.actions().contains("Warn")) {
        admission.warn("Validation failed for " + subject + ": " + fault.message());
      }
    }
    if (!faults.isEmpty() && binding.actions().contains("Deny")) {
      Fault fault = faults.getFirst();
      throw StatusException.refused(
          admission.kind(),
          admission.name(),
          fault.reason(),
          subject + " denied request: " + fault.message());
    }
  }

  private List<Fault> faults(Policy policy, Map<String, Object> variables) {
    List<Fault> faults = new ArrayList<>();
    for (JsonNode rule : policy.rules()) {
      String expression = Trees.text(rule, "expression").strip();
      try {
        if (!conditions.expressions().parse(expression).holds(variables)) {
          faults.add(new Fault(message(rule, expression, variables), Trees.text(rule, "reason")));
        }
      } catch (ExpressionFailed failed) {
        if (!policy.ignoresFailure()) {
          faults.add(
              new Fault(
                  "expression '" + expression + "' resulted in error: " + failed.getMessage(), ""));
        }
      }
    }
    return faults;
  }

  /// The first that there is: what `messageExpression` makes, `message`, the expression itself.
  private String message(JsonNode rule, String expression, Map<String, Object> variables) {
    String made = Trees.text(rule, "messageExpression");
    if (!made.isEmpty()) {
      try {
        if (conditions.expressions().parse(made).evaluate(variables) instanceof String text
            && !text.isBlank()
            && text.indexOf('\n') < 0) {
          return text.strip();
        }
      } catch (ExpressionFailed _) {
        // The others are there for that.
      }
    }
    String message = Trees.text(rule, "message").strip();
    return message.isEmpty() ? "failed expression: " + expression : message;
  }

  /// `variables.NAME`: each worked out when it is first asked for.
  private Map<String, Object> named(Policy policy, Map<String, Object> variables) {
    Map<String, String> texts = new HashMap<>();
    for (JsonNode variable : Trees.items(policy.spec(), "variables")) {
      texts.put(Trees.text(variable, "name"), Trees.text(variable, "expression"));
    }
    return texts.isEmpty() ? Map.of() : new NamedValues(conditions.expressions(), texts, variables);
  }
}
