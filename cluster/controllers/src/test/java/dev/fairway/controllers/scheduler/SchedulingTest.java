// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.scheduler;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.controllers.Objects;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.api.model.Service;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SchedulingTest {
  private static Node node(String name, String spec, String labels) {
    return Objects.read(
        Node.class,
        """
        apiVersion: v1
        kind: Node
        metadata: {name: %s, labels: {kubernetes.io/hostname: %s%s}}
        spec: {%s}
        status:
          allocatable: {cpu: '2', memory: 4Gi, pods: '4'}
          conditions: [{type: Ready, status: 'True'}]
        """
            .formatted(name, name, labels.isEmpty() ? "" : ", " + labels, spec));
  }

  private static Pod pod(String name, String spec, String container) {
    return Objects.read(
        Pod.class,
        """
        apiVersion: v1
        kind: Pod
        metadata:
          name: %s
          namespace: ns
          uid: %s
          labels: {app: web}
          ownerReferences: [{uid: r1, controller: true, kind: ReplicaSet, name: web}]
        spec: {containers: [{name: c%s}]%s}
        """
            .formatted(
                name,
                name,
                container.isEmpty() ? "" : ", " + container,
                spec.isEmpty() ? "" : ", " + spec));
  }

  private static Pod on(String node, Pod pod) {
    return new PodBuilder(pod).editSpec().withNodeName(node).endSpec().build();
  }

  private static List<Node> three() {
    return List.of(node("w0", "", ""), node("w1", "", ""), node("w2", "", ""));
  }

  private static Cells cells(List<Node> nodes, Pod... pods) {
    return new Cells(nodes, List.of(pods), List.of());
  }

  private static String told(Decision decision) {
    return switch (decision) {
      case Decision.Bind(String node) -> node;
      case Decision.Unschedulable(String message) -> message;
    };
  }

  /// What one pod is told by three equal nodes.
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "resources: {requests: {cpu: '3'}} | | 0/3 nodes are available: 3 Insufficient cpu.",
        "resources: {requests: {cpu: '3', memory: 5Gi}} | | 0/3 nodes are available: 3 Insufficient"
            + " cpu, 3 Insufficient memory.",
        "resources: {requests: {example.com/gpu: '1'}} | | 0/3 nodes are available: 3 Insufficient"
            + " example.com/gpu.",
        "resources: {requests: {cpu: 2000m}} | | w0",
        "| nodeSelector: {kubernetes.io/hostname: w1} | w1",
        "| nodeSelector: {disk: ssd} | 0/3 nodes are available: 3 node(s) didn't match Pod's node"
            + " affinity/selector.",
        "| affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution:"
            + " {nodeSelectorTerms: [{matchFields: [{key: metadata.name, operator: In, values:"
            + " [w2]}]}]}}} | w2",
        "| affinity: {nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 5,"
            + " preference: {matchExpressions: [{key: kubernetes.io/hostname, operator: In, values:"
            + " [w1]}]}}]}} | w1",
        "| topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable:"
            + " DoNotSchedule, labelSelector: {matchLabels: {app: web}}}] | 0/3 nodes are"
            + " available: 3 node(s) didn't match pod topology spread constraints (missing required"
            + " label).",
      })
  void equalNodes(String container, String spec, String expected) {
    Pod pod = pod("p", spec == null ? "" : spec, container == null ? "" : container);
    assertThat(told(Scheduling.decide(pod, cells(three())))).isEqualTo(expected);
  }

  @Test
  void saysWhyEachNodeIsOut() {
    Node unready =
        Objects.read(
            Node.class,
            "{metadata: {name: w9}, spec: {}, status: {conditions: [{type: Ready, status:"
                + " 'False'}]}}");
    List<Node> nodes =
        List.of(
            node("w0", "unschedulable: true", ""),
            node("w1", "taints: [{key: only, value: db, effect: NoSchedule}]", ""),
            unready);
    assertThat(told(Scheduling.decide(pod("p", "", ""), cells(nodes))))
        .isEqualTo(
            "0/3 nodes are available: 1 node(s) had untolerated taint"
                + " {node.kubernetes.io/not-ready: }, 1 node(s) had untolerated taint {only: db},"
                + " 1 node(s) were unschedulable.");
    assertThat(told(Scheduling.decide(pod("p", "", ""), cells(List.of()))))
        .isEqualTo("no nodes available to schedule pods");
  }

  @Test
  void toleratedTaintsDoNotHinder() {
    List<Node> nodes =
        List.of(node("w1", "taints: [{key: only, value: db, effect: NoSchedule}]", ""));
    Pod tolerant = pod("p", "tolerations: [{key: only, value: db, effect: NoSchedule}]", "");
    Pod anything = pod("p", "tolerations: [{operator: Exists}]", "");
    assertThat(told(Scheduling.decide(tolerant, cells(nodes)))).isEqualTo("w1");
    assertThat(told(Scheduling.decide(anything, cells(nodes)))).isEqualTo("w1");
  }

  @Test
  void spreadsPodsOfOneOwner() {
    Cells cells = cells(three(), on("w0", pod("x", "", "resources: {requests: {cpu: 10m}}")));
    Map<String, Integer> placed = new TreeMap<>(Map.of("w0", 1));
    for (int i = 0; i < 8; i++) {
      Pod pod = pod("p" + i, "", "");
      String node = told(Scheduling.decide(pod, cells));
      cells.place(pod, node);
      placed.merge(node, 1, Integer::sum);
    }
    assertThat(placed).isEqualTo(Map.of("w0", 3, "w1", 3, "w2", 3));
  }

  @Test
  void spreadsPodsOfOneService() {
    Service service =
        Objects.read(
            Service.class, "{metadata: {name: s, namespace: ns}, spec: {selector: {app: web}}}");
    Pod loner =
        new PodBuilder(pod("x", "", "")).editMetadata().withOwnerReferences().endMetadata().build();
    Cells cells = new Cells(three(), List.of(on("w0", loner)), List.of(service));
    assertThat(told(Scheduling.decide(loner, cells))).isEqualTo("w1");
  }

  @Test
  void countsPodsAndHostPorts() {
    List<Node> one = List.of(node("w0", "", ""));
    List<Pod> full = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      full.add(on("w0", pod("p" + i, "", "")));
    }
    assertThat(told(Scheduling.decide(pod("p", "", ""), cells(one, full.toArray(Pod[]::new)))))
        .isEqualTo("0/1 nodes are available: 1 Too many pods.");
    String port = "ports: [{containerPort: 80, hostPort: 8080}]";
    assertThat(
            told(Scheduling.decide(pod("p", "", port), cells(one, on("w0", pod("q", "", port))))))
        .isEqualTo(
            "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod"
                + " ports.");
  }

  @Test
  void keepsPodsApartAndTogether() {
    String apart =
        "affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution:"
            + " [{labelSelector: {matchLabels: {app: web}}, topologyKey: kubernetes.io/hostname}]}}";
    Cells cells = cells(three());
    List<String> nodes = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      Pod pod = pod("p" + i, apart, "");
      nodes.add(told(Scheduling.decide(pod, cells)));
      cells.place(pod, nodes.get(i));
    }
    assertThat(nodes).containsExactlyInAnyOrder("w0", "w1", "w2");
    assertThat(told(Scheduling.decide(pod("p3", apart, ""), cells)))
        .isEqualTo("0/3 nodes are available: 3 node(s) didn't match pod anti-affinity rules.");
    assertThat(told(Scheduling.decide(pod("p3", "", ""), cells)))
        .isEqualTo(
            "0/3 nodes are available: 3 node(s) didn't satisfy existing pods anti-affinity rules.");
    String together = apart.replace("podAntiAffinity", "podAffinity");
    Cells fresh = cells(three(), on("w2", pod("x", "", "")));
    assertThat(told(Scheduling.decide(pod("p", together, ""), fresh))).isEqualTo("w2");
    assertThat(told(Scheduling.decide(pod("p", together, ""), cells(three())))).isEqualTo("w0");
  }

  @Test
  void keepsTheSkewBetweenZones() {
    List<Node> nodes =
        List.of(node("a0", "", "zone: a"), node("a1", "", "zone: a"), node("b0", "", "zone: b"));
    String even =
        "topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable:"
            + " DoNotSchedule, labelSelector: {matchLabels: {app: web}}}]";
    Cells cells = cells(nodes);
    String zones = "";
    for (int i = 0; i < 6; i++) {
      Pod pod = pod("p" + i, even, "");
      String node = told(Scheduling.decide(pod, cells));
      cells.place(pod, node);
      zones += node.charAt(0);
    }
    char[] sorted = zones.toCharArray();
    Arrays.sort(sorted);
    assertThat(new String(sorted)).isEqualTo("aaabbb");
  }

  @Test
  void initContainersCountByTheirPeak() {
    Pod pod =
        Objects.read(
            Pod.class,
            """
            spec:
              initContainers:
              - {name: sidecar, restartPolicy: Always, resources: {requests: {cpu: 100m}}}
              - {name: init, resources: {requests: {cpu: 700m}}}
              containers:
              - {name: a, resources: {requests: {cpu: 200m, memory: 1Mi}}}
              - {name: b, resources: {requests: {cpu: 300m}}}
            """);
    assertThat(Amounts.ofPod(pod.getSpec()).byName())
        .isEqualTo(Map.of("cpu", 800L, "memory", 1L << 20));
  }
}
