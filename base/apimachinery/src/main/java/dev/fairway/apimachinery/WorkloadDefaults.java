// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery;

import static dev.fairway.apimachinery.Defaults.absent;

import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// Defaults of the kinds that run pods.
final class WorkloadDefaults {
  private static final int HISTORY = 10;
  private static final int PROGRESS_SECONDS = 600;
  private static final int JOB_BACKOFF = 6;

  private WorkloadDefaults() {}

  static void apps(String kind, ObjectNode object) {
    ObjectNode spec = Trees.child(object, "spec");
    switch (kind) {
      case "Deployment" -> {
        absent(spec, "replicas", 1);
        ObjectNode strategy = Trees.child(spec, "strategy");
        absent(strategy, "type", "RollingUpdate");
        if (Trees.text(strategy, "type").equals("RollingUpdate")) {
          ObjectNode rolling = Trees.child(strategy, "rollingUpdate");
          absent(rolling, "maxUnavailable", "25%");
          absent(rolling, "maxSurge", "25%");
        }
        absent(spec, "revisionHistoryLimit", HISTORY);
        absent(spec, "progressDeadlineSeconds", PROGRESS_SECONDS);
      }
      case "ReplicaSet" -> {
        absent(spec, "replicas", 1);
        ObjectNode labels = Trees.objectAt(spec, "template", "metadata", "labels");
        ObjectNode metadata = Trees.child(object, "metadata");
        if (labels != null && Trees.objectAt(metadata, "labels") == null) {
          metadata.set("labels", labels.deepCopy());
        }
      }
      case "StatefulSet" -> statefulSet(spec);
      case "DaemonSet" -> {
        ObjectNode strategy = Trees.child(spec, "updateStrategy");
        absent(strategy, "type", "RollingUpdate");
        if (Trees.text(strategy, "type").equals("RollingUpdate")) {
          ObjectNode rolling = Trees.child(strategy, "rollingUpdate");
          absent(rolling, "maxUnavailable", 1);
          absent(rolling, "maxSurge", 0);
        }
        absent(spec, "revisionHistoryLimit", HISTORY);
      }
      default -> {
        return;
      }
    }
    Trees.child(object, "status");
    Defaults.template(Trees.objectAt(spec, "template"));
  }

  private static void statefulSet(ObjectNode spec) {
    absent(spec, "replicas", 1);
    absent(spec, "podManagementPolicy", "OrderedReady");
    absent(spec, "revisionHistoryLimit", HISTORY);
    ObjectNode strategy = Trees.child(spec, "updateStrategy");
    absent(strategy, "type", "RollingUpdate");
    if (Trees.text(strategy, "type").equals("RollingUpdate")) {
      absent(Trees.child(strategy, "rollingUpdate"), "partition", 0);
    }
    ObjectNode retention = Trees.child(spec, "persistentVolumeClaimRetentionPolicy");
    absent(retention, "whenDeleted", "Retain");
    absent(retention, "whenScaled", "Retain");
    for (JsonNode item : Trees.items(spec, "volumeClaimTemplates")) {
      if (item instanceof ObjectNode claim) {
        absent(claim, "apiVersion", "v1");
        absent(claim, "kind", "PersistentVolumeClaim");
        absent(Trees.child(claim, "spec"), "volumeMode", "Filesystem");
        absent(Trees.child(claim, "status"), "phase", "Pending");
      }
    }
  }

  static void batch(String kind, ObjectNode object) {
    ObjectNode spec = Trees.child(object, "spec");
    Trees.child(object, "status");
    if (kind.equals("Job")) {
      job(spec);
      return;
    }
    absent(spec, "concurrencyPolicy", "Allow");
    absent(spec, "suspend", false);
    absent(spec, "successfulJobsHistoryLimit", 3);
    absent(spec, "failedJobsHistoryLimit", 1);
    // The job's own defaults come when the job is made; only its pods' are written here.
    Defaults.template(Trees.objectAt(spec, "jobTemplate", "spec", "template"));
  }

  private static void job(ObjectNode spec) {
    if (spec.get("completions") == null && spec.get("parallelism") == null) {
      spec.put("completions", 1);
      spec.put("parallelism", 1);
    }
    absent(spec, "parallelism", 1);
    absent(spec, "completionMode", "NonIndexed");
    absent(spec, "suspend", false);
    absent(spec, "manualSelector", false);
    absent(
        spec,
        "podReplacementPolicy",
        spec.get("podFailurePolicy") == null ? "TerminatingOrFailed" : "Failed");
    if (spec.get("backoffLimitPerIndex") == null) {
      absent(spec, "backoffLimit", JOB_BACKOFF);
    } else {
      absent(spec, "backoffLimit", Integer.MAX_VALUE);
    }
    Defaults.template(Trees.objectAt(spec, "template"));
  }
}
