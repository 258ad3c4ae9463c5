// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.endpoints;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.controllers.Objects;
import dev.fairway.reconcile.ObjectKey;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.Service;
import java.util.List;
import org.junit.jupiter.api.Test;

class TriggerTimesTest {
  private static final Service SERVICE =
      Objects.read(
          Service.class,
          """
          apiVersion: v1
          kind: Service
          metadata: {name: web, namespace: ns, creationTimestamp: "2026-01-01T00:00:05Z"}
          """);

  private static Pod pod(String name, int second) {
    return Objects.read(
        Pod.class,
        """
        apiVersion: v1
        kind: Pod
        metadata: {name: %s, uid: %s}
        status:
          conditions: [{type: Ready, status: 'True', lastTransitionTime: "2026-01-01T00:00:%02dZ"}]
        """
            .formatted(name, name, second));
  }

  @Test
  void theOldestNewsIsTold() {
    TriggerTimes times = new TriggerTimes();
    assertThat(times.next(SERVICE, List.of())).hasValue("2026-01-01T00:00:05Z");
    assertThat(times.next(SERVICE, List.of())).isEmpty();
    assertThat(times.next(SERVICE, List.of(pod("a", 20), pod("b", 10))))
        .hasValue("2026-01-01T00:00:10Z");
    assertThat(times.next(SERVICE, List.of(pod("a", 20), pod("b", 10)))).isEmpty();
    assertThat(times.next(SERVICE, List.of(pod("a", 30), pod("b", 10))))
        .hasValue("2026-01-01T00:00:30Z");
    assertThat(times.next(SERVICE, List.of(pod("a", 30)))).isEmpty();
    times.forget(ObjectKey.of(SERVICE));
    assertThat(times.next(SERVICE, List.of(pod("a", 30)))).hasValue("2026-01-01T00:00:05Z");
  }
}
