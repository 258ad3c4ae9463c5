// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet;

import dev.fairway.kubelet.PodStatuses.Waiting;
import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.Pod;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/// Why containers of one pod wait, for its status. For the use of one thread.
final class WaitingReasons {
  private static final String CRASH_LOOP = "CrashLoopBackOff";

  private final PodRef pod;
  private final PodEvents events;
  private final Map<String, Waiting> reasons = new HashMap<>();

  WaitingReasons(PodRef pod, PodEvents events) {
    this.pod = pod;
    this.events = events;
  }

  Map<String, Waiting> all() {
    return Map.copyOf(reasons);
  }

  void put(Container container, Waiting why) {
    reasons.put(container.getName(), why);
  }

  void remove(Container container) {
    reasons.remove(container.getName());
  }

  /// Notes which containers rest after a crash, and forgets what is over.
  void noteRests(Pod text, ObservedPod observed, CrashBackoff backoff, Instant now) {
    boolean finished = PodPlan.finished(text, observed);
    for (Container container : RestartRule.all(text)) {
      String name = container.getName();
      Optional<ObservedPod.Container> run = observed.latest(name);
      boolean rests =
          !finished
              && run.filter(r -> r.exited() && backoff.notBefore(r).isAfter(now))
                  .filter(r -> RestartRule.runsAgain(text, container, r.exitCode()))
                  .isPresent();
      Waiting known = reasons.get(name);
      boolean crashLoop = known != null && known.reason().equals(CRASH_LOOP);
      if (rests && !crashLoop) {
        String whose = pod.name() + "_" + pod.namespace() + "(" + pod.uid() + ")";
        long seconds = backoff.rest(name).toSeconds();
        String message =
            "back-off " + seconds + "s restarting failed container=" + name + " pod=" + whose;
        reasons.put(name, new Waiting(CRASH_LOOP, message));
        events.container(
            container,
            "Warning",
            "BackOff",
            "Back-off restarting failed container " + name + " in pod " + whose);
      } else if (!rests && (crashLoop || run.filter(ObservedPod.Container::running).isPresent())) {
        reasons.remove(name);
      }
    }
  }
}
