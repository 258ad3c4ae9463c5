// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.ValueSource;

/// Upstream's conformance entries about Services, done as the entries describe them, for each
/// datapath of a cluster that changes from one to the other while it runs. `docs/conformance.md`
/// names each.
@Tag("slow")
@ExtendWith(LabCluster.Extension.class)
@ParameterizedClass
@ValueSource(strings = {"iptables", "ebpf", "nftables"})
class ServicesTest {
  private static final String PODS =
      """
      apiVersion: v1
      kind: Namespace
      metadata: {name: services}
      ---
      apiVersion: apps/v1
      kind: Deployment
      metadata: {name: web, namespace: services}
      spec:
        replicas: 3
        selector: {matchLabels: {app: web}}
        template:
          metadata: {labels: {app: web}}
          spec:
            terminationGracePeriodSeconds: 0
            containers: [{name: web, image: "fairway.local/toolbox:1"}]
      ---
      apiVersion: v1
      kind: Pod
      metadata: {name: client, namespace: services}
      spec:
        terminationGracePeriodSeconds: 0
        containers: [{name: c, image: "fairway.local/toolbox:1"}]
      """;

  private static final String SERVICE =
      """
      apiVersion: v1
      kind: Service
      metadata: {name: web, namespace: services}
      spec:
        type: TYPE
        sessionAffinity: AFFINITY
        selector: {app: web}
        ports: [{name: http, port: 80, targetPort: 80}, {name: other, port: 81, targetPort: 80}]
      """;

  @Parameter private String datapath;

  private final LabCluster cluster;

  ServicesTest(LabCluster cluster) {
    this.cluster = cluster;
  }

  @BeforeAll
  static void runPods(LabCluster cluster) {
    cluster.shell().run("./fairway kubectl apply -f -", PODS).good();
    cluster.kubectl("rollout status deployment/web -n services --timeout=60s");
    cluster.kubectl("wait -n services --for=condition=Ready pod/client --timeout=60s");
  }

  @AfterAll
  static void removePods(LabCluster cluster) {
    cluster.kubectl("delete namespace services --timeout=60s");
    cluster.shell().run(up("nftables")).good();
  }

  @AfterEach
  void removeService() {
    cluster.kubectl("delete service web -n services --ignore-not-found");
  }

  private static String up(String datapath) {
    return "./fairway up --name " + LabCluster.NAME + " --services " + datapath;
  }

  private void use() throws InterruptedException {
    assertThat(cluster.shell().run(up(datapath)).good()).contains("by " + datapath);
    for (int worker = 0; worker < 3; worker++) {
      String inMachine = "ip netns exec fairway-" + LabCluster.NAME + "-worker-" + worker + " ";
      boolean nft = !datapath.equals("iptables");
      cluster
          .shell()
          .until(
              inMachine + "sh -c 'iptables-save; nft list tables'",
              text ->
                  text.contains("table ip fairway-services") == nft
                      && text.contains(":KUBE-SERVICES") == !nft);
    }
  }

  private void apply(String type, String affinity) {
    cluster
        .shell()
        .run(
            "./fairway kubectl apply -f -",
            SERVICE.replace("TYPE", type).replace("AFFINITY", affinity))
        .good();
  }

  private String field(String path) {
    return cluster.kubectl("get service web -n services -o jsonpath='{" + path + "}'").strip();
  }

  /// The pods that answer a client in a pod, of twenty connections.
  private Set<String> answers(String url) {
    String ask = "for i in $(seq 20); do wget -qO- " + url + " || echo none; done";
    return names(cluster.kubectl("exec -n services client -- sh -c '" + ask + "'"));
  }

  /// The same from the host, outside of the cluster.
  private Set<String> answersOutside(String url) {
    String ask = "for i in $(seq 20); do curl -sm 5 " + url + " || echo none; done";
    return names(cluster.shell().run(ask).good());
  }

  private static Set<String> names(String text) {
    Set<String> names = new TreeSet<>();
    for (String line : text.split("\\s+")) {
      if (line.startsWith("web-") || line.equals("none")) {
        names.add(line);
      }
    }
    return names;
  }

  private Set<String> pods() {
    return new TreeSet<>(
        List.of(
            cluster
                .kubectl("get pods -n services -l app=web -o jsonpath='{.items[*].metadata.name}'")
                .strip()
                .split(" ")));
  }

  /// Services should serve a basic endpoint from pods; should serve multiport endpoints from pods;
  /// should be able to create a functioning NodePort service.
  @Test
  void everyPortIsServedByEveryPodInsideAndOutside() throws InterruptedException {
    use();
    apply("NodePort", "None");
    String address = field(".spec.clusterIP");
    cluster.shell().until(exec(address + ":80"), text -> text.contains("web-"));
    assertThat(answers("http://" + address + ":80/")).isEqualTo(pods());
    assertThat(answers("http://" + address + ":81/")).isEqualTo(pods());
    String nodePort = field(".spec.ports[0].nodePort");
    for (int worker = 20; worker < 23; worker++) {
      String url = "http://" + cluster.machineAddress(worker) + ":" + nodePort + "/";
      assertThat(answersOutside(url)).isEqualTo(pods());
      assertThat(answers(url)).isEqualTo(pods());
    }
    cluster.kubectl("scale deployment/web -n services --replicas=0");
    try {
      cluster.shell().until(exec(address + ":80"), text -> text.contains("refused"));
    } finally {
      cluster.kubectl("scale deployment/web -n services --replicas=3");
      cluster.kubectl("rollout status deployment/web -n services --timeout=60s");
    }
    cluster.shell().until(exec(address + ":80"), text -> text.contains("web-"));
  }

  private static String exec(String target) {
    return "./fairway kubectl exec -n services client -- wget -qO- http://"
        + target
        + "/ 2>&1 || :";
  }

  /// Services should have session affinity work, and be able to switch session affinity, for
  /// service with type clusterIP and for NodePort service.
  @Test
  void sessionAffinityWorksAndCanBeSwitched() throws InterruptedException {
    use();
    apply("NodePort", "ClientIP");
    String inside = "http://" + field(".spec.clusterIP") + ":80/";
    String outside =
        "http://" + cluster.machineAddress(21) + ":" + field(".spec.ports[0].nodePort") + "/";
    cluster.shell().until(exec(field(".spec.clusterIP")), text -> text.contains("web-"));
    assertThat(answers(inside)).hasSize(1);
    assertThat(answersOutside(outside)).hasSize(1).isSubsetOf(pods());
    apply("NodePort", "None");
    settle(inside, 3);
    assertThat(answersOutside(outside)).hasSize(3);
    apply("NodePort", "ClientIP");
    settle(inside, 1);
    assertThat(answersOutside(outside)).hasSize(1);
  }

  private void settle(String url, int pods) throws InterruptedException {
    String ask = "for i in $(seq 20); do wget -qO- " + url + " || echo none; done";
    cluster
        .shell()
        .until(
            "./fairway kubectl exec -n services client -- sh -c '" + ask + "'",
            text -> names(text).size() == pods);
  }

  /// Services should be able to change the type from ExternalName to ClusterIP, from ClusterIP to
  /// ExternalName, from ExternalName to NodePort.
  @Test
  void aServiceChangesItsType() throws InterruptedException {
    use();
    String external =
        """
        apiVersion: v1
        kind: Service
        metadata: {name: web, namespace: services}
        spec: {type: ExternalName, externalName: api.services.svc.cluster.local}
        """;
    cluster.shell().run("./fairway kubectl create -f -", external).good();
    String toClusterIp =
        "patch service web -n services -p '{\"spec\":{\"type\":\"ClusterIP\",\"externalName\":null,"
            + "\"selector\":{\"app\":\"web\"},\"ports\":[{\"port\":80}]}}'";
    cluster.kubectl(toClusterIp);
    cluster.shell().until(exec("web"), text -> text.contains("web-"));
    assertThat(answers("http://web/")).isEqualTo(pods());
    cluster.kubectl("patch service web -n services -p '{\"spec\":{\"type\":\"NodePort\"}}'");
    String port = field(".spec.ports[0].nodePort");
    cluster
        .shell()
        .until(
            "curl -sm 5 http://" + cluster.machineAddress(20) + ":" + port + "/",
            text -> text.contains("web-"));
  }
}
