// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery.table;

import dev.fairway.apimachinery.Trees;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.JsonNode;

/// The columns of pods. STATUS tells the one thing a reader wants to know: a waiting or failed
/// container before the phase, init containers before the others.
final class PodCells {
  private PodCells() {}

  static List<Column> columns() {
    return List.of(
        Column.NAME,
        Column.text("Ready", (pod, now) -> Summary.of(pod).ready()),
        Column.text("Status", (pod, now) -> Summary.of(pod).status()),
        Column.text("Restarts", (pod, now) -> Summary.of(pod).restarts(now)),
        Column.AGE,
        Column.wide("IP", (pod, now) -> ip(pod)),
        Column.wide(
            "Node", (pod, now) -> Cells.or(Trees.text(pod, "spec", "nodeName"), Cells.NONE)),
        Column.wide(
            "Nominated Node",
            (pod, now) -> Cells.or(Trees.text(pod, "status", "nominatedNodeName"), Cells.NONE)),
        Column.wide("Readiness Gates", (pod, now) -> gates(pod)));
  }

  private static String ip(JsonNode pod) {
    for (JsonNode address : Trees.items(pod, "status", "podIPs")) {
      return Trees.text(address, "ip");
    }
    return Cells.or(Trees.text(pod, "status", "podIP"), Cells.NONE);
  }

  private static String gates(JsonNode pod) {
    int all = 0;
    int fulfilled = 0;
    for (JsonNode gate : Trees.items(pod, "spec", "readinessGates")) {
      all++;
      String type = Trees.text(gate, "conditionType");
      fulfilled += hasCondition(pod, type) ? 1 : 0;
    }
    return all == 0 ? Cells.NONE : fulfilled + "/" + all;
  }

  private static boolean hasCondition(JsonNode pod, String type) {
    for (JsonNode condition : Trees.items(pod, "status", "conditions")) {
      if (Trees.text(condition, "type").equals(type)) {
        return Trees.text(condition, "status").equals("True");
      }
    }
    return false;
  }

  /// What all containers together say.
  private record Summary(
      String status, int readyContainers, int allContainers, long restarts, String lastRestart) {

    String ready() {
      return readyContainers + "/" + allContainers;
    }

    String restarts(Instant now) {
      return restarts == 0 || lastRestart.isEmpty()
          ? Long.toString(restarts)
          : restarts + " (" + Cells.since(now, lastRestart) + " ago)";
    }

    static Summary of(JsonNode pod) {
      return new Walk(pod).summary();
    }
  }

  private static final class Walk {
    private final JsonNode pod;
    private String reason;
    private long restarts;
    private String lastRestart = "";
    private int ready;
    private int all;

    Walk(JsonNode pod) {
      this.pod = pod;
      String phase = Trees.text(pod, "status", "phase");
      String said = Trees.text(pod, "status", "reason");
      this.reason = said.isEmpty() ? phase : said;
    }

    Summary summary() {
      for (JsonNode condition : Trees.items(pod, "status", "conditions")) {
        if (Trees.text(condition, "type").equals("PodScheduled")
            && Trees.text(condition, "reason").equals("SchedulingGated")) {
          reason = "SchedulingGated";
        }
      }
      all = Cells.size(Trees.at(pod, "spec", "containers"));
      boolean initializing = initContainers();
      if (!initializing || hasCondition(pod, "Initialized")) {
        containers();
      }
      if (!Trees.text(pod, "metadata", "deletionTimestamp").isEmpty()) {
        boolean lost = Trees.text(pod, "status", "reason").equals("NodeLost");
        String phase = Trees.text(pod, "status", "phase");
        boolean over = phase.equals("Succeeded") || phase.equals("Failed");
        reason = lost ? "Unknown" : over ? reason : "Terminating";
      }
      return new Summary(reason, ready, all, restarts, lastRestart);
    }

    private boolean initContainers() {
      Map<String, JsonNode> specs = new HashMap<>();
      int number = 0;
      for (JsonNode container : Trees.items(pod, "spec", "initContainers")) {
        specs.put(Trees.text(container, "name"), container);
        all += sidecar(container) ? 1 : 0;
        number++;
      }
      int index = -1;
      boolean initializing = false;
      for (JsonNode status : Trees.items(pod, "status", "initContainerStatuses")) {
        index++;
        restarts += Trees.number(status, 0, "restartCount");
        restarted(status);
        boolean sidecar = sidecar(specs.get(Trees.text(status, "name")));
        if (initializing) {
          continue;
        }
        JsonNode terminated = Trees.at(status, "state", "terminated");
        String waiting = Trees.text(status, "state", "waiting", "reason");
        if (terminated != null && Trees.number(terminated, 0, "exitCode") == 0) {
          continue;
        }
        if (sidecar && Trees.flag(status, "started")) {
          ready += Trees.flag(status, "ready") ? 1 : 0;
          continue;
        }
        if (terminated != null) {
          reason = "Init:" + ended(terminated);
        } else if (!waiting.isEmpty() && !waiting.equals("PodInitializing")) {
          reason = "Init:" + waiting;
        } else {
          reason = "Init:" + index + "/" + number;
        }
        initializing = true;
      }
      return initializing;
    }

    private void containers() {
      boolean running = false;
      List<JsonNode> statuses = new java.util.ArrayList<>();
      Trees.items(pod, "status", "containerStatuses").forEach(statuses::add);
      for (JsonNode status : statuses.reversed()) {
        restarts += Trees.number(status, 0, "restartCount");
        restarted(status);
        JsonNode terminated = Trees.at(status, "state", "terminated");
        String waiting = Trees.text(status, "state", "waiting", "reason");
        if (!waiting.isEmpty()) {
          reason = waiting;
        } else if (terminated != null) {
          reason = ended(terminated);
        } else if (Trees.flag(status, "ready") && Trees.at(status, "state", "running") != null) {
          running = true;
          ready++;
        }
      }
      if (reason.equals("Completed") && running) {
        reason = hasCondition(pod, "Ready") ? "Running" : "NotReady";
      }
    }

    private void restarted(JsonNode status) {
      String at = Trees.text(status, "lastState", "terminated", "finishedAt");
      if (at.compareTo(lastRestart) > 0) {
        lastRestart = at;
      }
    }

    private static String ended(JsonNode terminated) {
      String said = Trees.text(terminated, "reason");
      if (!said.isEmpty()) {
        return said;
      }
      long signal = Trees.number(terminated, 0, "signal");
      return signal != 0
          ? "Signal:" + signal
          : "ExitCode:" + Trees.number(terminated, 0, "exitCode");
    }

    private static boolean sidecar(@org.jspecify.annotations.Nullable JsonNode container) {
      return Trees.text(container, "restartPolicy").equals("Always");
    }
  }
}
