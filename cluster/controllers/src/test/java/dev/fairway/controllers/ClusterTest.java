// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers;

import static dev.fairway.controllers.TestCluster.await;
import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.controllers.objects.Pods;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.Quantity;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Controllers, scheduler, API server and kubectl together; only the nodes are hollow.
class ClusterTest {
  @TempDir static Path directory;
  private static TestCluster cluster;
  private static KubernetesClient client;

  @BeforeAll
  static void start() throws Exception {
    cluster = new TestCluster(directory, 3, Duration.ofSeconds(40));
    client = cluster.client();
  }

  @AfterAll
  static void stop() throws Exception {
    cluster.close();
  }

  private static void deploy(String namespace, String name, String image, int replicas)
      throws Exception {
    String yaml =
        """
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: %s, namespace: %s, labels: {app: %s}}
        spec:
          replicas: %d
          selector: {matchLabels: {app: %s}}
          template:
            metadata: {labels: {app: %s}}
            spec: {terminationGracePeriodSeconds: 5, containers: [{name: good, image: '%s'}]}
        """
            .formatted(name, namespace, name, replicas, name, name, image);
    assertThat(cluster.kubectlWith(yaml, "apply", "-f", "-")).contains("created");
  }

  private static List<Pod> pods(String app) {
    return client.pods().inNamespace("default").withLabel("app", app).list().getItems();
  }

  private static boolean areReady(String app, int count) {
    return pods(app).stream().filter(Pods::isReady).count() == count;
  }

  @Test
  void nodesGetTheirPodNetworkAndBecomeUntainted() throws Exception {
    for (int i = 0; i < 3; i++) {
      String node = "worker-" + i;
      String cidr = "10.200." + i + ".0/24";
      String six = i == 0 ? "fd00:10:200::/64" : "fd00:10:200:" + i + "::/64";
      await(
          node + " has " + cidr + " and no taint",
          () -> {
            var spec = client.nodes().withName(node).get().getSpec();
            return cidr.equals(spec.getPodCIDR())
                && spec.getPodCIDRs().equals(List.of(cidr, six))
                && spec.getTaints().isEmpty();
          });
    }
  }

  @Test
  void quotasAreCountedAndShown() throws Exception {
    cluster.kubectl("create", "namespace", "counted");
    await(
        "counted is furnished",
        () ->
            client.configMaps().inNamespace("counted").withName("kube-root-ca.crt").get() != null);
    for (String name : List.of("one", "two")) {
      cluster.kubectl("-n", "counted", "create", "configmap", name);
    }
    String hard = "--hard=count/configmaps=5,pods=2,count/deployments.apps=1,requests.cpu=1";
    assertThat(cluster.kubectl("-n", "counted", "create", "quota", "small", hard))
        .contains("resourcequota/small created");
    await(
        "the quota is counted",
        () -> {
          var status =
              client.resourceQuotas().inNamespace("counted").withName("small").get().getStatus();
          return status != null && status.getUsed() != null && status.getUsed().size() == 4;
        });
    assertThat(cluster.kubectl("-n", "counted", "describe", "quota", "small"))
        .containsPattern("Resource +Used +Hard\n")
        .containsPattern("count/configmaps +3 +5\n")
        .containsPattern("count/deployments.apps +0 +1\n")
        .containsPattern("pods +0 +2\n")
        .containsPattern("requests.cpu +0 +1\n");
    client
        .resourceQuotas()
        .inNamespace("counted")
        .withName("small")
        .edit(q -> {
          q.getSpec().getHard().put("secrets", new Quantity("3"));
          return q;
        });
    await(
        "the new name is counted",
        () ->
            client
                .resourceQuotas()
                .inNamespace("counted")
                .withName("small")
                .get()
                .getStatus()
                .getUsed()
                .containsKey("secrets"));
    String limits =
        """
        apiVersion: v1
        kind: LimitRange
        metadata: {name: limits, namespace: counted}
        spec: {limits: [{type: Container, max: {cpu: "1"}, default: {cpu: 500m}}]}
        """;
    assertThat(cluster.kubectlWith(limits, "apply", "-f", "-")).contains("created");
    assertThat(cluster.kubectl("-n", "counted", "describe", "limits", "limits"))
        .containsPattern("Type +Resource +Min +Max +Default Request +Default Limit")
        .containsPattern("Container +cpu +- +1 +500m +500m +-");
    cluster.kubectl("delete", "namespace", "counted", "--wait=false");
  }

  @Test
  void namespacesAreFurnishedAndEmptied() throws Exception {
    cluster.kubectl("create", "namespace", "short");
    await(
        "service account and authority",
        () ->
            client.serviceAccounts().inNamespace("short").withName("default").get() != null
                && client.configMaps().inNamespace("short").withName("kube-root-ca.crt").get()
                    != null);
    deploy("short", "x", "good:1", 1);
    await("pod runs", () -> !client.pods().inNamespace("short").list().getItems().isEmpty());
    assertThat(cluster.kubectl("delete", "namespace", "short", "--timeout=20s"))
        .contains("deleted");
    assertThat(client.namespaces().withName("short").get()).isNull();
    assertThat(client.pods().inNamespace("short").list().getItems()).isEmpty();
  }

  @Test
  void aDeploymentIsSpreadServedRolledAndUndone() throws Exception {
    deploy("default", "web", "good:1", 3);
    assertThat(cluster.kubectl("rollout", "status", "deployment/web", "--timeout=20s"))
        .contains("successfully rolled out");
    assertThat(pods("web").stream().map(p -> p.getSpec().getNodeName()).collect(Collectors.toSet()))
        .containsExactlyInAnyOrder("worker-0", "worker-1", "worker-2");
    cluster.kubectl("expose", "deployment", "web", "--port=80", "--target-port=8080");
    await(
        "three endpoints",
        () ->
            client.endpoints().inNamespace("default").withName("web").get() != null
                && addresses("web") == 3);

    cluster.kubectl("set", "image", "deployment/web", "good=good:2");
    assertThat(cluster.kubectl("rollout", "status", "deployment/web", "--timeout=20s"))
        .contains("successfully rolled out");
    await("old pods gone", () -> pods("web").size() == 3);
    assertThat(cluster.kubectl("rollout", "history", "deployment/web"))
        .containsPattern("1 +<none>\\s+2 +<none>");
    assertThat(cluster.kubectl("rollout", "undo", "deployment/web")).contains("rolled back");
    assertThat(cluster.kubectl("rollout", "status", "deployment/web", "--timeout=20s"))
        .contains("successfully rolled out");
    assertThat(cluster.kubectl("rollout", "history", "deployment/web"))
        .containsPattern("2 +<none>\\s+3 +<none>");
    assertThat(cluster.kubectl("rollout", "restart", "deployment/web")).contains("restarted");
    assertThat(cluster.kubectl("rollout", "status", "deployment/web", "--timeout=20s"))
        .contains("successfully rolled out");

    cluster.kubectl("scale", "deployment/web", "--replicas=5");
    await("five", () -> areReady("web", 5) && addresses("web") == 5);
    cluster.kubectl("scale", "deployment/web", "--replicas=1");
    await("one", () -> pods("web").size() == 1 && addresses("web") == 1);
    assertThat(cluster.kubectl("describe", "deployment", "web")).contains("ScalingReplicaSet");
    cluster.kubectl("delete", "service,deployment", "web");
    await(
        "all gone",
        () ->
            pods("web").isEmpty()
                && client
                    .apps()
                    .replicaSets()
                    .inNamespace("default")
                    .withLabel("app", "web")
                    .list()
                    .getItems()
                    .isEmpty()
                && addresses("web") == 0);
  }

  private static int addresses(String service) {
    return client
        .discovery()
        .v1()
        .endpointSlices()
        .inNamespace("default")
        .withLabel("kubernetes.io/service-name", service)
        .list()
        .getItems()
        .stream()
        .mapToInt(slice -> slice.getEndpoints().size())
        .sum();
  }

  @Test
  void aBrokenImageStopsTheRolloutHalfWay() throws Exception {
    deploy("default", "half", "good:1", 4);
    cluster.kubectl("rollout", "status", "deployment/half", "--timeout=20s");
    cluster.kubectl("set", "image", "deployment/half", "good=bad:1");
    await("two new pods wait", () -> pods("half").size() == 5 && areReady("half", 3));
    cluster.kubectl("rollout", "undo", "deployment/half");
    await("back", () -> pods("half").size() == 4 && areReady("half", 4));
    cluster.kubectl("delete", "deployment", "half", "--cascade=foreground", "--timeout=20s");
    assertThat(pods("half")).isEmpty();
  }

  @Test
  void orphansStayAndAreAdopted() throws Exception {
    deploy("default", "left", "good:1", 2);
    cluster.kubectl("rollout", "status", "deployment/left", "--timeout=20s");
    List<String> names = pods("left").stream().map(p -> p.getMetadata().getName()).toList();
    cluster.kubectl("delete", "deployment", "left", "--cascade=orphan", "--timeout=20s");
    var replicaSets = client.apps().replicaSets().inNamespace("default").withLabel("app", "left");
    assertThat(replicaSets.list().getItems())
        .singleElement()
        .satisfies(rs -> assertThat(rs.getMetadata().getOwnerReferences()).isEmpty());
    deploy("default", "left", "good:1", 2);
    await(
        "adopted",
        () ->
            replicaSets.list().getItems().stream()
                .allMatch(rs -> rs.getMetadata().getOwnerReferences().size() == 1));
    cluster.kubectl("rollout", "status", "deployment/left", "--timeout=20s");
    assertThat(pods("left"))
        .extracting(p -> p.getMetadata().getName())
        .containsExactlyInAnyOrderElementsOf(names);
    cluster.kubectl("delete", "deployment", "left");
  }

  @Test
  void podsThatFitNowhereSaySo() throws Exception {
    cluster.kubectlWith(
        """
        apiVersion: v1
        kind: Pod
        metadata: {name: big, labels: {app: big}}
        spec: {containers: [{name: c, image: good, resources: {requests: {cpu: '40'}}}]}
        """,
        "apply",
        "-f",
        "-");
    await(
        "condition",
        () ->
            pods("big").get(0).getStatus().getConditions().stream()
                .anyMatch(c ->
                    "0/3 nodes are available: 3 Insufficient cpu.".equals(c.getMessage())
                        && "Unschedulable".equals(c.getReason())));
    await("event", () -> cluster.kubectl("describe", "pod", "big").contains("FailedScheduling"));
    cluster.kubectl("delete", "pod", "big");
  }

  @Test
  void jobsRunToTheirEnd() throws Exception {
    cluster.kubectlWith(
        """
        apiVersion: batch/v1
        kind: Job
        metadata: {name: sum}
        spec:
          completions: 4
          parallelism: 2
          template:
            metadata: {labels: {app: sum}}
            spec: {restartPolicy: Never, containers: [{name: c, image: 'done:1'}]}
        """,
        "apply",
        "-f",
        "-");
    assertThat(cluster.kubectl("wait", "--for=condition=complete", "job/sum", "--timeout=20s"))
        .contains("condition met");
    assertThat(pods("sum")).hasSize(4);
    assertThat(cluster.kubectl("get", "job", "sum")).contains("4/4");
    String version = version("job", "sum");
    cluster.kubectl("get", "pods");
    assertThat(version("job", "sum")).isEqualTo(version);
    cluster.kubectl("delete", "job", "sum");
    await("its pods are gone", () -> pods("sum").isEmpty());
  }

  @Test
  void daemonsRunOnEveryNodeAndAreReplaced() throws Exception {
    String yaml =
        """
        apiVersion: apps/v1
        kind: DaemonSet
        metadata: {name: agent}
        spec:
          selector: {matchLabels: {app: agent}}
          template:
            metadata: {labels: {app: agent}}
            spec: {containers: [{name: c, image: 'good:1'}]}
        """;
    cluster.kubectlWith(yaml, "apply", "-f", "-");
    await("three agents", () -> areReady("agent", 3));
    assertThat(pods("agent")).extracting(p -> p.getSpec().getNodeName()).doesNotHaveDuplicates();
    cluster.kubectlWith(yaml.replace("good:1", "good:2"), "apply", "-f", "-");
    assertThat(cluster.kubectl("rollout", "status", "daemonset/agent", "--timeout=20s"))
        .contains("successfully rolled out");
    String version = version("daemonset", "agent");
    cluster.kubectl("get", "pods");
    assertThat(version("daemonset", "agent")).isEqualTo(version);
    cluster.kubectl("delete", "daemonset", "agent");
    await("its pods are gone", () -> pods("agent").isEmpty());
  }

  /// Whoever writes without need changes it all the time.
  private static String version(String kind, String name) throws Exception {
    return cluster.kubectl("get", kind, name, "-o", "jsonpath={.metadata.resourceVersion}");
  }
}
