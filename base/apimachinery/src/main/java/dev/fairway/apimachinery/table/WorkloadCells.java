// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery.table;

import dev.fairway.apimachinery.Times;
import dev.fairway.apimachinery.Trees;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import tools.jackson.databind.JsonNode;

/// The columns of the kinds that run pods, and of autoscalers and disruption budgets.
final class WorkloadCells {
  private WorkloadCells() {}

  static List<Column> columns(String kind) {
    return switch (kind) {
      case "Deployment" ->
          withContainers(
              Column.NAME,
              ready(),
              Column.integer("Up-to-date", "status", "updatedReplicas"),
              Column.integer("Available", "status", "availableReplicas"),
              Column.AGE);
      case "ReplicaSet" -> replicas();
      case "StatefulSet" -> {
        Column[] wide = Cells.containerColumns();
        yield List.of(Column.NAME, ready(), Column.AGE, wide[0], wide[1]);
      }
      case "DaemonSet" ->
          withContainers(
              Column.NAME,
              Column.integer("Desired", "status", "desiredNumberScheduled"),
              Column.integer("Current", "status", "currentNumberScheduled"),
              Column.integer("Ready", "status", "numberReady"),
              Column.integer("Up-to-date", "status", "updatedNumberScheduled"),
              Column.integer("Available", "status", "numberAvailable"),
              Column.text(
                  "Node Selector",
                  (object, now) ->
                      Cells.labels(Trees.at(object, "spec", "template", "spec", "nodeSelector"))),
              Column.AGE);
      case "Job" ->
          withContainers(
              Column.NAME,
              Column.text("Status", (object, now) -> jobStatus(object)),
              Column.text("Completions", (object, now) -> completions(object)),
              Column.text("Duration", (object, now) -> jobDuration(object, now)),
              Column.AGE);
      case "CronJob" -> cronJob();
      case "ControllerRevision" ->
          List.of(
              Column.NAME,
              Column.text("Controller", (object, now) -> owner(object)),
              Column.integer("Revision", "revision"),
              Column.AGE);
      case "HorizontalPodAutoscaler" -> autoscaler();
      case "PodDisruptionBudget" ->
          List.of(
              Column.NAME,
              Column.text("Min Available", (object, now) -> limit(object, "minAvailable")),
              Column.text("Max Unavailable", (object, now) -> limit(object, "maxUnavailable")),
              Column.integer("Allowed Disruptions", "status", "disruptionsAllowed"),
              Column.AGE);
      default -> Columns.plain();
    };
  }

  static List<Column> replicas() {
    return withContainers(
        Column.NAME,
        Column.integer("Desired", "spec", "replicas"),
        Column.integer("Current", "status", "replicas"),
        Column.integer("Ready", "status", "readyReplicas"),
        Column.AGE);
  }

  private static List<Column> withContainers(Column... columns) {
    List<Column> all = new ArrayList<>(Arrays.asList(columns));
    all.addAll(Arrays.asList(Cells.containerColumns()));
    return all;
  }

  private static Column ready() {
    return Column.text(
        "Ready",
        (object, now) ->
            Trees.number(object, 0, "status", "readyReplicas")
                + "/"
                + Trees.number(object, 0, "spec", "replicas"));
  }

  private static String limit(JsonNode budget, String field) {
    JsonNode limit = Trees.at(budget, "spec", field);
    return limit == null ? "N/A" : limit.asString();
  }

  private static String jobStatus(JsonNode job) {
    for (String type : new String[] {"Complete", "Failed"}) {
      if (hasCondition(job, type)) {
        return type;
      }
    }
    if (!Trees.text(job, "metadata", "deletionTimestamp").isEmpty()) {
      return "Terminating";
    }
    for (String type : new String[] {"Suspended", "FailureTarget", "SuccessCriteriaMet"}) {
      if (hasCondition(job, type)) {
        return type;
      }
    }
    return "Running";
  }

  private static boolean hasCondition(JsonNode job, String type) {
    for (JsonNode condition : Trees.items(job, "status", "conditions")) {
      if (Trees.text(condition, "type").equals(type)
          && Trees.text(condition, "status").equals("True")) {
        return true;
      }
    }
    return false;
  }

  private static String completions(JsonNode job) {
    long succeeded = Trees.number(job, 0, "status", "succeeded");
    long wanted = Trees.number(job, -1, "spec", "completions");
    if (wanted >= 0) {
      return succeeded + "/" + wanted;
    }
    long parallelism = Trees.number(job, 0, "spec", "parallelism");
    return succeeded + (parallelism > 1 ? "/1 of " + parallelism : "/1");
  }

  private static String jobDuration(JsonNode job, Instant now) {
    String start = Trees.text(job, "status", "startTime");
    String end = Trees.text(job, "status", "completionTime");
    if (start.isEmpty()) {
      return "";
    }
    try {
      Instant until = end.isEmpty() ? now : Times.parse(end);
      return Times.humanDuration(Duration.between(Times.parse(start), until));
    } catch (IllegalArgumentException e) {
      return Cells.UNKNOWN;
    }
  }

  private static List<Column> cronJob() {
    return List.of(
        Column.NAME,
        Column.text("Schedule", "spec", "schedule"),
        Column.text(
            "Timezone",
            (object, now) -> Cells.or(Trees.text(object, "spec", "timeZone"), Cells.NONE)),
        Column.text(
            "Suspend", (object, now) -> Trees.flag(object, "spec", "suspend") ? "True" : "False"),
        Column.integer("Active", (object, now) -> Cells.size(Trees.at(object, "status", "active"))),
        Column.text(
            "Last Schedule",
            (object, now) -> {
              String last = Trees.text(object, "status", "lastScheduleTime");
              return last.isEmpty() ? Cells.NONE : Cells.since(now, last);
            }),
        Column.AGE,
        Column.wide("Containers", (object, now) -> cronContainers(object, "name")),
        Column.wide("Images", (object, now) -> cronContainers(object, "image")),
        Column.wide(
            "Selector",
            (object, now) ->
                Cells.selector(Trees.at(object, "spec", "jobTemplate", "spec", "selector"))));
  }

  private static String cronContainers(JsonNode object, String field) {
    return Cells.joined(
        Trees.at(object, "spec", "jobTemplate", "spec", "template", "spec"), "containers", field);
  }

  private static String owner(JsonNode object) {
    for (JsonNode owner : Trees.items(object, "metadata", "ownerReferences")) {
      if (Trees.flag(owner, "controller")) {
        String group = Trees.text(owner, "apiVersion");
        int slash = group.indexOf('/');
        String kind = Trees.text(owner, "kind").toLowerCase(java.util.Locale.ROOT);
        return (slash < 0 ? kind : kind + "." + group.substring(0, slash))
            + "/"
            + Trees.text(owner, "name");
      }
    }
    return Cells.NONE;
  }

  private static List<Column> autoscaler() {
    return List.of(
        Column.NAME,
        Column.text(
            "Reference",
            (object, now) ->
                Trees.text(object, "spec", "scaleTargetRef", "kind")
                    + "/"
                    + Trees.text(object, "spec", "scaleTargetRef", "name")),
        Column.text("Targets", (object, now) -> targets(object)),
        Column.text(
            "MinPods",
            (object, now) -> {
              long least = Trees.number(object, -1, "spec", "minReplicas");
              return least < 0 ? Cells.UNSET : Long.toString(least);
            }),
        Column.integer("MaxPods", "spec", "maxReplicas"),
        Column.integer("Replicas", "status", "currentReplicas"),
        Column.AGE);
  }

  private static String targets(JsonNode autoscaler) {
    List<String> targets = new ArrayList<>();
    int index = 0;
    for (JsonNode metric : Trees.items(autoscaler, "spec", "metrics")) {
      JsonNode resource = Trees.at(metric, "resource");
      JsonNode current = Trees.at(autoscaler, "status", "currentMetrics");
      JsonNode status = current == null ? null : current.get(index);
      index++;
      if (resource == null) {
        targets.add(Cells.UNKNOWN);
        continue;
      }
      long wanted = Trees.number(resource, -1, "target", "averageUtilization");
      long found = Trees.number(status, -1, "resource", "current", "averageUtilization");
      String shown = wanted < 0 ? Trees.text(resource, "target", "averageValue") : wanted + "%";
      targets.add(
          Trees.text(resource, "name")
              + ": "
              + (found < 0 ? Cells.UNKNOWN : found + "%")
              + "/"
              + shown);
    }
    return Cells.or(String.join(", ", targets), Cells.NONE);
  }
}
