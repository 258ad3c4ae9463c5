// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Classes that are given to what names none, and what nodes may say of themselves.
final class ClassesTest {
  @TempDir static Path directory;
  private static TestServer server;
  private static Api api;
  private static Api node;

  @BeforeAll
  static void start() throws Exception {
    server = new TestServer(directory);
    api = new Api(server, "admin");
    node = new Api(server, "node");
    api.namespace("classes", "");
  }

  @AfterAll
  static void stop() {
    node.close();
    api.close();
    server.close();
  }

  @Test
  void claimsAndIngressesGetTheMarkedClass() throws Exception {
    String claim =
        "{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: %s}, spec: {%s accessModes:"
            + " [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}";
    assertThat(api.create("classes", claim.formatted("before", "")).at("spec", "storageClassName"))
        .isEmpty();
    api.post(
        "/apis/storage.k8s.io/v1/storageclasses",
        "{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: fast, annotations:"
            + " {storageclass.kubernetes.io/is-default-class: 'true'}}, provisioner: x}");
    assertThat(api.create("classes", claim.formatted("after", "")).at("spec", "storageClassName"))
        .isEqualTo("fast");
    assertThat(
            api.create("classes", claim.formatted("none", "storageClassName: '', "))
                .at("spec", "storageClassName"))
        .isEmpty();
    api.post(
        "/apis/networking.k8s.io/v1/ingressclasses",
        "{apiVersion: networking.k8s.io/v1, kind: IngressClass, metadata: {name: edge, annotations:"
            + " {ingressclass.kubernetes.io/is-default-class: 'true'}}, spec: {controller: a.b/c}}");
    String ingress =
        "{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: %s}, spec: {%s"
            + " defaultBackend: {service: {name: s, port: {number: 80}}}}}";
    assertThat(api.create("classes", ingress.formatted("a", "")).at("spec", "ingressClassName"))
        .isEqualTo("edge");
    assertThat(
            api.create("classes", ingress.formatted("b", "ingressClassName: own,"))
                .at("spec", "ingressClassName"))
        .isEqualTo("own");
  }

  @Test
  void theOrderCanBeSeen() throws Exception {
    assertThat(api.get("/configz").at("admission", "order"))
        .isEqualTo(
            "[\"NamespaceLifecycle\",\"LimitRanger\",\"ServiceAccount\",\"NodeRestriction\","
                + "\"Priority\",\"DefaultTolerationSeconds\",\"DefaultStorageClass\","
                + "\"DefaultIngressClass\",\"DefinitionAcceptance\","
                + "\"MutatingAdmissionWebhook\",\"ServiceAddresses\",\"CustomResourceRules\","
                + "\"PolicyExpressions\",\"PodSecurity\",\"ValidatingAdmissionPolicy\","
                + "\"ValidatingAdmissionWebhook\",\"ResourceQuota\"]");
    assertThat(node.get("/configz").code()).isEqualTo(403);
  }

  @Test
  void podsGetTheirPriority() throws Exception {
    String pod =
        "{apiVersion: v1, kind: Pod, metadata: {name: %s}, spec: {%s containers: [{name: c, image:"
            + " i}]}}";
    assertThat(api.create("classes", pod.formatted("p0", "")).at("spec", "priority"))
        .isEqualTo("0");
    assertThat(api.create("classes", pod.formatted("p1", "priority: 5,")).message())
        .isEqualTo(
            "pods \"p1\" is forbidden: the integer value of priority (5) must not be provided in"
                + " pod spec; priority admission controller computed 0 from the given PriorityClass"
                + " name");
    String path = "/apis/scheduling.k8s.io/v1/priorityclasses";
    String priority =
        "{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: %s},"
            + " globalDefault: true, preemptionPolicy: Never, value: 7}";
    assertThat(api.post(path, priority.formatted("usual")).code()).isEqualTo(201);
    assertThat(api.post(path, priority.formatted("second")).message())
        .endsWith("PriorityClass usual is already marked as default. Only one default can exist");
    var made = api.create("classes", pod.formatted("p2", ""));
    assertThat(
            List.of(
                made.at("spec", "priority"),
                made.at("spec", "priorityClassName"),
                made.at("spec", "preemptionPolicy")))
        .containsExactly("7", "usual", "Never");
    assertThat(
            api.create("classes", pod.formatted("p3", "priorityClassName: system-node-critical,"))
                .at("spec", "priority"))
        .isEqualTo("2000001000");
    assertThat(api.get(path + "/system-cluster-critical").at("value")).isEqualTo("2000000000");
  }

  @Test
  void aNodeSaysOnlyWhatIsItsOwn() throws Exception {
    String path = "/api/v1/nodes";
    String body =
        "{apiVersion: v1, kind: Node, metadata: {name: worker-0, labels: {kubernetes.io/hostname:"
            + " worker-0, own.example.com/x: y %s}}}";
    assertThat(
            node.post(path, body.formatted(", node-restriction.kubernetes.io/secure: 'yes'"))
                .message())
        .isEqualTo(
            "nodes \"worker-0\" is forbidden: node \"worker-0\" is not allowed to set the following"
                + " labels: node-restriction.kubernetes.io/secure");
    var made = node.post(path, body.formatted(""));
    assertThat(made.code()).as(made.message()).isEqualTo(201);
    assertThat(
            node.merge(
                    path + "/worker-0",
                    "{\"metadata\":{\"labels\":{\"node-role.kubernetes.io/master\":\"\"}}}")
                .message())
        .endsWith(
            "node \"worker-0\" is not allowed to modify labels: node-role.kubernetes.io/master");
    assertThat(
            node.merge(
                    path + "/worker-0",
                    "{\"spec\":{\"taints\":[{\"key\":\"a\",\"effect\":\"NoSchedule\"}]}}")
                .message())
        .endsWith("node \"worker-0\" is not allowed to modify taints");
    assertThat(
            node.merge(
                    path + "/worker-0",
                    "{\"metadata\":{\"labels\":{\"topology.kubernetes.io/zone\":\"z\"}}}")
                .code())
        .isEqualTo(200);
  }
}
