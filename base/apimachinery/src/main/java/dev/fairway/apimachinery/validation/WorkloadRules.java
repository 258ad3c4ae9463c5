// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery.validation;

import dev.fairway.apimachinery.FieldError;
import dev.fairway.apimachinery.Names;
import dev.fairway.apimachinery.Trees;
import dev.fairway.apimachinery.selector.LabelSelector;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// The rules of kinds that make pods from a template.
final class WorkloadRules {
  private WorkloadRules() {}

  static void check(String kind, ObjectNode object, Findings findings) {
    JsonNode spec = Trees.at(object, "spec");
    if (spec == null) {
      findings.required("spec", "");
      return;
    }
    for (String field :
        new String[] {
          "replicas", "minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"
        }) {
      notNegative(spec, field, "spec." + field, findings);
    }
    template(spec, "spec", "Always", findings);
    selector(kind, spec, findings);
    if (kind.equals("Deployment")) {
      strategy(spec, findings);
    }
    if (kind.equals("DaemonSet") || kind.equals("StatefulSet")) {
      String type = Trees.text(spec, "updateStrategy", "type");
      if (type.equals("OnDelete") && Trees.at(spec, "updateStrategy", "rollingUpdate") != null) {
        findings.add(
            FieldError.invalid(
                "spec.updateStrategy.rollingUpdate",
                Trees.at(spec, "updateStrategy", "rollingUpdate"),
                "only allowed for updateStrategy 'RollingUpdate'"));
      }
    }
  }

  private static void selector(String kind, JsonNode spec, Findings findings) {
    JsonNode selector = Trees.at(spec, "selector");
    if (selector == null) {
      return;
    }
    LabelSelector parsed;
    if (kind.equals("ReplicationController")) {
      parsed = LabelSelector.ofMap(selector);
    } else {
      int before = findings.list().size();
      selector(selector, "spec.selector", findings);
      if (findings.list().size() > before) {
        return;
      }
      parsed = LabelSelector.of(selector);
    }
    if (parsed.isEverything()) {
      findings.add(
          FieldError.invalid(
              "spec.selector",
              selector,
              "empty selector is invalid for " + kind.toLowerCase(java.util.Locale.ROOT)));
      return;
    }
    JsonNode labels = Trees.at(spec, "template", "metadata", "labels");
    if (Trees.at(spec, "template") != null && !parsed.matchesLabels(labels)) {
      findings.add(
          FieldError.invalid(
              "spec.template.metadata.labels",
              labels == null ? Trees.object() : labels,
              "`selector` does not match template `labels`"));
    }
  }

  /// A LabelSelector anywhere in an object.
  static void selector(@Nullable JsonNode selector, String path, Findings findings) {
    Metadata.labels(selector, "matchLabels", path + ".matchLabels", findings);
    int index = 0;
    for (JsonNode expression : Trees.items(selector, "matchExpressions")) {
      String at = path + ".matchExpressions[" + index++ + "]";
      String operator = Trees.text(expression, "operator");
      int values = expression.path("values").size();
      switch (operator) {
        case "In", "NotIn" -> {
          if (values == 0) {
            findings.required(
                at + ".values", "must be specified when `operator` is 'In' or 'NotIn'");
          }
        }
        case "Exists", "DoesNotExist" -> {
          if (values > 0) {
            findings.add(
                FieldError.forbidden(
                    at + ".values",
                    "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
          }
        }
        case "" -> {}
        default ->
            findings.add(
                FieldError.invalid(at + ".operator", operator, "not a valid selector operator"));
      }
      String key = Trees.text(expression, "key");
      if (!key.isEmpty()) {
        findings.problem(at + ".key", key, Names.qualifiedName(key));
      }
    }
  }

  private static void strategy(JsonNode spec, Findings findings) {
    JsonNode rolling = Trees.at(spec, "strategy", "rollingUpdate");
    if (Trees.text(spec, "strategy", "type").equals("Recreate") && rolling != null) {
      findings.add(
          FieldError.forbidden(
              "spec.strategy.rollingUpdate",
              "may not be specified when strategy `type` is 'Recreate'"));
      return;
    }
    boolean zeros = rolling != null;
    for (String field : new String[] {"maxUnavailable", "maxSurge"}) {
      JsonNode value = Trees.at(rolling, field);
      String path = "spec.strategy.rollingUpdate." + field;
      if (value != null && value.isString()) {
        String text = value.stringValue();
        if (!isPercent(text)) {
          findings.add(
              FieldError.invalid(
                  path,
                  text,
                  "a valid percent string must be a numeric string followed by an ending '%' (e.g."
                      + " '1%',  or '93%', regex used for validation is '[0-9]+%')"));
        }
        zeros &= text.equals("0%");
      } else if (value != null) {
        if (value.asLong() < 0) {
          findings.add(FieldError.invalid(path, value, "must be greater than or equal to 0"));
        }
        zeros &= value.asLong() == 0;
      }
    }
    if (zeros) {
      findings.add(
          FieldError.invalid(
              "spec.strategy.rollingUpdate.maxUnavailable",
              Trees.at(rolling, "maxUnavailable"),
              "may not be 0 when `maxSurge` is 0"));
    }
  }

  private static boolean isPercent(String text) {
    boolean fits = text.length() > 1 && text.length() < 10 && text.endsWith("%");
    for (int i = 0; i < text.length() - 1; i++) {
      fits &= text.charAt(i) >= '0' && text.charAt(i) <= '9';
    }
    return fits;
  }

  private static void template(
      JsonNode owner, String path, String restartPolicy, Findings findings) {
    JsonNode spec = Trees.at(owner, "template", "spec");
    if (Trees.at(owner, "template") == null) {
      return;
    }
    Metadata.labels(
        Trees.at(owner, "template", "metadata"),
        "labels",
        path + ".template.metadata.labels",
        findings);
    if (spec == null) {
      findings.required(path + ".template.spec.containers", "");
      return;
    }
    new PodRules(spec, path + ".template.spec", findings).check();
    String found = Trees.text(spec, "restartPolicy");
    if (restartPolicy.isEmpty()) {
      if (found.equals("Always")) {
        findings.add(
            FieldError.notSupported(
                path + ".template.spec.restartPolicy", found, List.of("OnFailure", "Never")));
      }
    } else if (!found.equals(restartPolicy)) {
      findings.add(
          FieldError.notSupported(
              path + ".template.spec.restartPolicy", found, List.of(restartPolicy)));
    }
  }

  private static void notNegative(JsonNode owner, String field, String path, Findings findings) {
    JsonNode value = owner.get(field);
    if (value != null && value.asLong() < 0) {
      findings.add(FieldError.invalid(path, value, "must be greater than or equal to 0"));
    }
  }

  static void job(@Nullable JsonNode spec, String path, Findings findings, boolean template) {
    if (spec == null) {
      findings.required(path, "");
      return;
    }
    for (String field :
        new String[] {
          "parallelism",
          "completions",
          "activeDeadlineSeconds",
          "backoffLimit",
          "ttlSecondsAfterFinished"
        }) {
      notNegative(spec, field, path + "." + field, findings);
    }
    template(spec, path, "", findings);
    JsonNode selector = Trees.at(spec, "selector");
    if (template && selector != null) {
      findings.add(
          FieldError.invalid(path + ".selector", selector, "`selector` will be auto-generated"));
    }
    if (Trees.text(spec, "completionMode").equals("Indexed")
        && Trees.at(spec, "completions") == null) {
      findings.required(path + ".completions", "when completion mode is Indexed");
    }
  }

  static void cronJob(@Nullable JsonNode spec, Findings findings) {
    if (spec == null) {
      return;
    }
    String schedule = Trees.text(spec, "schedule").strip();
    if (!schedule.isEmpty() && !isSchedule(schedule)) {
      findings.add(
          FieldError.invalid(
              "spec.schedule", schedule, "expected five fields such as \"*/5 * * * *\""));
    }
    if (schedule.contains("TZ")) {
      findings.add(
          FieldError.invalid(
              "spec.schedule",
              schedule,
              "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"));
    }
    for (String field :
        new String[] {
          "startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit"
        }) {
      notNegative(spec, field, "spec." + field, findings);
    }
    job(Trees.at(spec, "jobTemplate", "spec"), "spec.jobTemplate.spec", findings, true);
  }

  private static boolean isSchedule(String schedule) {
    if (schedule.startsWith("@") || schedule.contains("TZ=")) {
      return true;
    }
    int fields = 0;
    for (String field : schedule.split("\\s+")) {
      fields++;
      for (int i = 0; i < field.length(); i++) {
        char c = field.charAt(i);
        if (!Character.isLetterOrDigit(c) && "*/,-?#".indexOf(c) < 0) {
          return false;
        }
      }
    }
    return fields == 5;
  }
}
