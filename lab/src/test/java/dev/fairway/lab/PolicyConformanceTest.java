// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab;

import dev.fairway.net.IpAddress;
import dev.fairway.reconcile.ApiClients;
import io.fabric8.kubernetes.api.model.networking.v1.NetworkPolicy;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// The NetworkPolicy matrix of upstream's end-to-end tests (`[sig-network] Netpol`): pods a, b and
/// c in each of the namespaces x, y and z, on three nodes, all ways between them at two ports by
/// two protocols, under each of the policies those tests describe. [PolicyCases] lists them.
@Tag("slow")
@ExtendWith(LabCluster.Extension.class)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class PolicyConformanceTest {
  private static final List<String> NAMES = List.of("x", "y", "z");
  private static final List<String> PODS = List.of("a", "b", "c");
  private static final Pattern ADDRESS = Pattern.compile("(IP|NET)\\((./.)\\)");

  private static final String POD =
      """
      ---
      apiVersion: v1
      kind: Pod
      metadata: {name: POD, namespace: matrix-NS, labels: {pod: POD}}
      spec:
        nodeName: NODE
        terminationGracePeriodSeconds: 0
        containers:
        - name: c
          image: fairway.local/toolbox:1
          command: [sleep, "100000"]
          ports:
          - {name: serve-80-tcp, containerPort: 80}
          - {name: serve-81-tcp, containerPort: 81}
          - {name: serve-80-udp, containerPort: 80, protocol: UDP}
          - {name: serve-81-udp, containerPort: 81, protocol: UDP}
      """;

  private final LabCluster cluster;
  private final Map<String, IpAddress> addresses = new HashMap<>();
  private PolicyMatrix matrix;
  private KubernetesClient client;

  PolicyConformanceTest(LabCluster cluster) {
    this.cluster = cluster;
  }

  @BeforeAll
  void runPods(@TempDir Path directory) throws IOException {
    StringBuilder all = new StringBuilder();
    for (String name : NAMES) {
      all.append(
          "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: matrix-%s, labels: {ns: \"%s\"}}\n"
              .formatted(name, name));
    }
    for (String name : NAMES) {
      for (String pod : PODS) {
        String node = "worker-" + PODS.indexOf(pod);
        all.append(POD.replace("POD", pod).replace("NS", name).replace("NODE", node));
      }
    }
    cluster.shell().run("./fairway kubectl apply -f -", all.toString()).good();
    Map<String, Place> places = new HashMap<>();
    for (String name : NAMES) {
      cluster.kubectl("wait -n matrix-" + name + " --for=condition=Ready pod --all --timeout=90s");
      for (String pod : PODS) {
        Place place = Place.of(cluster, "matrix-" + name, pod);
        places.put(name + "/" + pod, place);
        addresses.put(name + "/" + pod, place.addresses().getFirst());
      }
    }
    matrix = new PolicyMatrix(places);
    Path kubeconfig = directory.resolve("kubeconfig");
    Files.writeString(kubeconfig, cluster.kubectl("config view --raw --minify"));
    client = ApiClients.connect(kubeconfig, "policies");
  }

  @AfterAll
  void removePods() throws IOException {
    if (client != null) {
      client.close();
    }
    if (matrix != null) {
      matrix.close();
    }
    cluster.kubectl("delete namespace matrix-x matrix-y matrix-z --timeout=120s");
  }

  @AfterEach
  void removePolicies() {
    for (String name : NAMES) {
      client.network().v1().networkPolicies().inNamespace("matrix-" + name).delete();
    }
  }

  static Stream<PolicyCases.Case> cases() {
    return PolicyCases.all();
  }

  @ParameterizedTest
  @MethodSource("cases")
  void thePolicyHolds(PolicyCases.Case one) throws IOException {
    apply(one.policies());
    matrix.expect(one.toString(), one.expected());
  }

  /// @param policies lines `NAMESPACE[.NAME]: SPEC`; `IP(x/a)` in it is a pod's address, `NET(x/a)`
  ///   the network of all pods on its node
  private void apply(String policies) {
    Matcher matcher = ADDRESS.matcher(policies);
    String known =
        matcher.replaceAll(found -> {
          String ip = addresses.get(found.group(2)).toString();
          return found.group(1).equals("IP") ? ip : ip.substring(0, ip.lastIndexOf('.')) + ".0/24";
        });
    int number = 0;
    for (String line : known.lines().toList()) {
      String where = line.substring(0, line.indexOf(':'));
      String name = where.length() > 1 ? where.substring(2) : "p" + number++;
      client
          .resource(
              client
                  .getKubernetesSerialization()
                  .unmarshal(
                      "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: %s, namespace: matrix-%s}\nspec: %s\n"
                          .formatted(name, where.charAt(0), line.substring(where.length() + 1)),
                      NetworkPolicy.class))
          .serverSideApply();
    }
  }

  private void label(String namespace, String key, String value) {
    client
        .namespaces()
        .withName("matrix-" + namespace)
        .edit(each -> {
          each.getMetadata().getLabels().put(key, value);
          return each;
        });
  }

  private void label(String namespace, String pod, String key, String value) {
    client
        .pods()
        .inNamespace("matrix-" + namespace)
        .withName(pod)
        .edit(each -> {
          each.getMetadata().getLabels().put(key, value);
          return each;
        });
  }

  /// Should enforce updated policy; should stop enforcing policies after they are deleted.
  @Test
  void aPolicyChangesAndGoes() throws IOException {
    matrix.expect("no policy", "+ */* */*");
    apply("x.changing: {podSelector: {}, policyTypes: [Ingress]}");
    matrix.expect("closed", "- */* x/*");
    apply(
        "x.changing: {podSelector: {}, policyTypes: [Ingress], ingress: [{ports: [{port: 81}]}]}");
    matrix.expect("one port", "- */* x/*\n+ */* x/* 81/tcp");
    apply("x.other: {podSelector: {}, policyTypes: [Ingress, Egress]}");
    apply(
        "x.changing: {podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{}]}");
    matrix.expect("two", "- */* x/*\n+ */* x/a\n- x/* */*");
    client.network().v1().networkPolicies().inNamespace("matrix-x").withName("other").delete();
    matrix.expect("one of them gone", "+ */* */*");
    apply("x.changing: {podSelector: {}, policyTypes: [Ingress, Egress]}");
    matrix.expect("all closed", "- */* x/*\n- x/* */*");
    removePolicies();
    matrix.expect("both gone", "+ */* */*");
  }

  /// Should allow ingress access from updated namespace; from updated pod; should deny ingress
  /// access to updated pod.
  @Test
  void labelsChange() throws IOException {
    apply(
        "x: {podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchLabels: {ns2: updated}}}]}]}");
    matrix.expect("no namespace has the label", "- */* x/a");
    label("y", "ns2", "updated");
    matrix.expect("y has it", "- */* x/a\n+ y/* x/a");
    label("y", "ns2", "no-more");
    matrix.expect("y has it no more", "- */* x/a");
    removePolicies();
    apply(
        "x: {podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchLabels: {pod2: updated}}}]}]}");
    matrix.expect("no pod has the label", "- */* x/a");
    label("x", "b", "pod2", "updated");
    matrix.expect("b has it", "- */* x/a\n+ x/b x/a");
    removePolicies();
    apply("x: {podSelector: {matchLabels: {target: isolated}}, policyTypes: [Ingress]}");
    matrix.expect("no pod is meant", "+ */* */*");
    label("x", "c", "target", "isolated");
    matrix.expect("c is meant", "- */* x/c");
  }
}
