// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// A Deployment is rolled over while a pod and somebody outside ask its Service all the time, and
/// no request fails. The servers do what they must for that, and no more: they are ready when they
/// listen, and listen on for some seconds after they are told to end.
@Tag("slow")
@ExtendWith(LabCluster.Extension.class)
class RollingUpdateTest {
  private static final String OBJECTS =
      """
      apiVersion: v1
      kind: Namespace
      metadata: {name: rolling}
      ---
      apiVersion: v1
      kind: Service
      metadata: {name: web, namespace: rolling}
      spec:
        type: NodePort
        selector: {app: web}
        ports: [{port: 80, targetPort: web}]
      ---
      apiVersion: apps/v1
      kind: Deployment
      metadata: {name: web, namespace: rolling}
      spec:
        replicas: 8
        selector: {matchLabels: {app: web}}
        template:
          metadata: {labels: {app: web, round: "0"}}
          spec:
            volumes: [{name: programs, hostPath: {path: PROGRAMS}}]
            containers:
            - name: web
              image: fairway.local/toolbox:1
              command: [/programs/requests, serve, "8080"]
              volumeMounts: [{name: programs, mountPath: /programs}]
              ports: [{name: web, containerPort: 8080}]
              readinessProbe: {tcpSocket: {port: web}, periodSeconds: 1}
              lifecycle: {preStop: {exec: {command: [sleep, "12"]}}}
      ---
      apiVersion: v1
      kind: Pod
      metadata: {name: client, namespace: rolling}
      spec:
        nodeName: worker-0
        terminationGracePeriodSeconds: 0
        volumes: [{name: programs, hostPath: {path: PROGRAMS}}]
        containers:
        - name: client
          image: fairway.local/toolbox:1
          command: [sleep, "100000"]
          volumeMounts: [{name: programs, mountPath: /programs}]
      """;

  private static final Pattern RESULT = Pattern.compile("(\\d+) answered, (\\d+) failed");

  @TempDir static Path programs;

  private final LabCluster cluster;

  RollingUpdateTest(LabCluster cluster) {
    this.cluster = cluster;
  }

  @BeforeAll
  static void runPods(LabCluster cluster) {
    Path source = Repository.root().resolve("lab/src/test/resources/native/requests.c");
    cluster.shell().run("gcc -O2 -static -o " + programs + "/requests " + source).good();
    String objects = OBJECTS.replace("PROGRAMS", programs.toString());
    cluster.shell().run("./fairway kubectl apply -f -", objects).good();
    cluster.kubectl("rollout status -n rolling deployment/web --timeout=120s");
    cluster.kubectl("wait -n rolling --for=condition=Ready pod/client --timeout=120s");
  }

  @AfterAll
  static void removePods(LabCluster cluster) {
    cluster.shell().run(up("nftables")).good();
    cluster.kubectl("delete namespace rolling --timeout=120s");
  }

  private static String up(String datapath) {
    return "./fairway up --name " + LabCluster.NAME + " --services " + datapath;
  }

  @ParameterizedTest
  @ValueSource(strings = {"iptables", "ebpf", "nftables"})
  void noRequestFails(String datapath) throws Exception {
    assertThat(cluster.shell().run(up(datapath)).good()).contains("by " + datapath);
    String service = field(".spec.clusterIP") + " 80";
    String node = cluster.machineAddress(21) + " " + field(".spec.ports[0].nodePort");
    awaitAnswer(service);
    Path inside = programs.resolve(datapath + "-inside");
    Path outside = programs.resolve(datapath + "-outside");
    String background =
        "./fairway kubectl exec -n rolling client -- sh -c 'echo $$ > /programs/pid; exec"
            + " /programs/requests ask "
            + service
            + " 1500' > "
            + inside
            + " 2>&1 < /dev/null & "
            + programs
            + "/requests ask "
            + node
            + " 500 > "
            + outside
            + " 2>&1 < /dev/null & echo $!";
    String asking = cluster.shell().run(background).good().strip();
    try {
      cluster.kubectl(
          "patch deployment -n rolling web -p"
              + " '{\"spec\":{\"template\":{\"metadata\":{\"labels\":{\"round\":\""
              + datapath
              + "\"}}}}}'");
      cluster.kubectl("rollout status -n rolling deployment/web --timeout=120s");
      cluster
          .shell()
          .until(
              "./fairway kubectl get pods -n rolling -l app=web,round!=" + datapath + " -o name",
              String::isEmpty);
    } finally {
      cluster.shell().run("kill " + asking).good();
      cluster.kubectl("exec -n rolling client -- sh -c 'kill $(cat /programs/pid)'");
    }
    assertThat(failures(inside)).as("inside").isEmpty();
    assertThat(failures(outside)).as("outside").isEmpty();
  }

  private void awaitAnswer(String service) throws InterruptedException {
    String once = "timeout 1 /programs/requests ask " + service + " 10";
    cluster
        .shell()
        .until(
            "./fairway kubectl exec -n rolling client -- " + once + " || :",
            text -> text.contains(" answered, 0 failed") && text.charAt(0) != '0');
  }

  private String failures(Path file) throws Exception {
    String text = cluster.shell().until("cat " + file, RESULT.asPredicate());
    MatchResult result = RESULT.matcher(text).results().findFirst().orElseThrow();
    assertThat(Long.parseLong(result.group(1))).isGreaterThan(1000);
    return result.group(2).equals("0") ? "" : text;
  }

  private String field(String path) {
    return cluster.kubectl("get service web -n rolling -o jsonpath='{" + path + "}'").strip();
  }
}
