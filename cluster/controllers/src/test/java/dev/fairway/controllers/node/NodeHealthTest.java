// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.node;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.controllers.Objects;
import dev.fairway.net.Prefix;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.Taint;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class NodeHealthTest {
  private static final Instant NOW = Instant.parse("2026-01-01T01:00:00Z");

  private static String taints(String spec, String ready) {
    Node node =
        Objects.read(
            Node.class,
            "{metadata: {name: w0}, spec: {%s}, status: {conditions: [%s]}}"
                .formatted(spec, ready.isEmpty() ? "" : "{type: Ready, status: '" + ready + "'}"));
    List<String> keys = new ArrayList<>();
    for (Taint taint : NodeHealth.taints(node, NOW)) {
      keys.add(taint.getKey().replace("node.kubernetes.io/", "") + ":" + taint.getEffect());
    }
    return String.join(" ", keys);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "'' | True | ''",
        "'' | False | not-ready:NoSchedule not-ready:NoExecute",
        "'' | Unknown | unreachable:NoSchedule unreachable:NoExecute",
        "'' | '' | not-ready:NoSchedule",
        "unschedulable: true | True | unschedulable:NoSchedule",
        "'taints: [{key: mine, effect: NoSchedule}, {key: node.kubernetes.io/not-ready, effect:"
            + " NoSchedule}]' | True | mine:NoSchedule",
        "'taints: [{key: node.kubernetes.io/not-ready, effect: NoSchedule}]' | Unknown |"
            + " unreachable:NoSchedule unreachable:NoExecute",
      })
  void taintsFollowConditions(String spec, String ready, String expected) {
    assertThat(taints(spec, ready)).isEqualTo(expected);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "'' | 2026-01-01T01:00:00Z",
        "'{key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute,"
            + " tolerationSeconds: 300}' | 2026-01-01T01:03:00Z",
        "'{operator: Exists}' | never",
        "'{key: other, operator: Exists, tolerationSeconds: 3}' | 2026-01-01T01:00:00Z",
      })
  void podsLeaveWhenTheirToleranceEnds(String toleration, String expected) {
    Pod pod = Objects.read(Pod.class, "{spec: {tolerations: [%s]}}".formatted(toleration));
    Taint taint =
        Objects.read(
            Taint.class,
            "{key: node.kubernetes.io/unreachable, effect: NoExecute, timeAdded:"
                + " '2026-01-01T00:58:00Z'}");
    Optional<Instant> at = NodeHealth.leavesAt(pod, List.of(taint), NOW);
    assertThat(at.map(Instant::toString).orElse("never")).isEqualTo(expected);
  }

  @Test
  void silenceMakesReportedConditionsUnknown() {
    Node node =
        Objects.read(
            Node.class,
            "{metadata: {name: w0}, status: {conditions: [{type: Ready, status: 'True'}, {type:"
                + " MemoryPressure, status: 'False'}, {type: Mine, status: 'True'}]}}");
    assertThat(NodeHealth.whenSilent(node, NOW))
        .extracting(c -> c.getType() + " " + c.getStatus())
        .containsExactly("Ready Unknown", "MemoryPressure Unknown", "Mine True");
  }

  @Test
  void podNetworksFollowTheNumberInTheName() {
    Prefix network = Prefix.parse("10.200.0.0/16");
    HashSet<Prefix> taken = new HashSet<>();
    List<String> given = new ArrayList<>();
    for (String node : List.of("worker-2", "worker-0", "other", "node-2", "big-999")) {
      Prefix part = PodCidrs.choose(node, taken, network, 24).orElseThrow();
      taken.add(part);
      given.add(part.toString());
    }
    assertThat(given)
        .containsExactly(
            "10.200.2.0/24", "10.200.0.0/24", "10.200.1.0/24", "10.200.3.0/24", "10.200.4.0/24");
    assertThat(PodCidrs.choose("x", List.of(network), network, 24)).isEmpty();
  }
}
