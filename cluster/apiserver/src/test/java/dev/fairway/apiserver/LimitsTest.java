// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// LimitRanges and ResourceQuotas as a client meets them.
final class LimitsTest {
  @TempDir static Path directory;
  private static TestServer server;
  private static Api api;

  @BeforeAll
  static void start() throws Exception {
    server = new TestServer(directory);
    api = new Api(server, "admin");
  }

  @AfterAll
  static void stop() {
    api.close();
    server.close();
  }

  private static String pod(String name, String resources) {
    return "{apiVersion: v1, kind: Pod, metadata: {name: "
        + name
        + "}, spec: {containers: [{name: c, image: i, resources: {"
        + resources
        + "}}]}}";
  }

  private static void limits(String namespace, String items) throws Exception {
    api.namespace(namespace, "");
    var made =
        api.create(
            namespace,
            "{apiVersion: v1, kind: LimitRange, metadata: {name: l}, spec: {limits: ["
                + items
                + "]}}");
    assertThat(made.code()).as(made.message()).isEqualTo(201);
  }

  private static void quota(String namespace, String spec) throws Exception {
    api.namespace(namespace, "");
    var made =
        api.create(
            namespace,
            "{apiVersion: v1, kind: ResourceQuota, metadata: {name: q}, spec: {" + spec + "}}");
    assertThat(made.code()).as(made.message()).isEqualTo(201);
  }

  private static Api.Answer quota(String namespace) throws Exception {
    return api.get("/api/v1/namespaces/" + namespace + "/resourcequotas/q");
  }

  @Test
  void containersGetTheDefaultsOfTheirNamespace() throws Exception {
    limits(
        "given",
        "{type: Container, default: {cpu: 500m, memory: 512Mi}, defaultRequest: {cpu: 100m}}");
    var made = api.create("given", pod("p", ""));
    assertThat(made.body().at("/spec/containers/0/resources").toString())
        .isEqualTo(
            "{\"requests\":{\"cpu\":\"100m\",\"memory\":\"512Mi\"},"
                + "\"limits\":{\"cpu\":\"500m\",\"memory\":\"512Mi\"}}");
    assertThat(made.at("metadata", "annotations", "kubernetes.io/limit-ranger"))
        .isEqualTo(
            "LimitRanger plugin set: cpu, memory request for container c; cpu, memory limit for"
                + " container c");
    assertThat(made.at("status", "qosClass")).isEqualTo("Burstable");
    var own = api.create("given", pod("own", "limits: {cpu: 1, memory: 1Gi}"));
    assertThat(own.body().at("/spec/containers/0/resources/requests").toString())
        .isEqualTo("{\"cpu\":\"1\",\"memory\":\"1Gi\"}");
    assertThat(own.at("metadata", "annotations", "kubernetes.io/limit-ranger")).isEmpty();
  }

  @Test
  void whatIsOutOfBoundsIsRejectedInUpstreamsWords() throws Exception {
    limits(
        "bound",
        "{type: Container, max: {cpu: 800m}, min: {cpu: 200m}, maxLimitRequestRatio: {cpu: 2}},"
            + "{type: Pod, max: {memory: 1Gi}},"
            + "{type: PersistentVolumeClaim, min: {storage: 1Gi}, max: {storage: 2Gi}}");
    assertThat(
            api.create("bound", pod("p", "limits: {cpu: 1500m, memory: 1Gi}, requests: {cpu: 1}"))
                .message())
        .isEqualTo(
            "pods \"p\" is forbidden: maximum cpu usage per Container is 800m, but limit is 1500m");
    assertThat(
            api.create("bound", pod("p", "limits: {memory: 2Gi}, requests: {cpu: 100m}")).message())
        .isEqualTo(
            "pods \"p\" is forbidden: [minimum cpu usage per Container is 200m, but request is"
                + " 100m, cpu max limit to request ratio per Container is 2, but provided ratio is"
                + " 8.000000, maximum memory usage per Pod is 1Gi, but limit is 2Gi]");
    assertThat(api.create("bound", pod("p", "")).message())
        .isEqualTo(
            "pods \"p\" is forbidden: maximum memory usage per Pod is 1Gi.  No limit is specified");
    String claim =
        "{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: c}, spec: {accessModes:"
            + " [ReadWriteOnce], resources: {requests: {storage: %s}}}}";
    assertThat(api.create("bound", claim.formatted("500Mi")).message())
        .isEqualTo(
            "persistentvolumeclaims \"c\" is forbidden: minimum storage usage per"
                + " PersistentVolumeClaim is 1Gi, but request is 500Mi");
    assertThat(api.create("bound", claim.formatted("3Gi")).message())
        .isEqualTo(
            "persistentvolumeclaims \"c\" is forbidden: maximum storage usage per"
                + " PersistentVolumeClaim is 2Gi, but request is 3Gi");
    assertThat(api.create("bound", claim.formatted("2Gi")).code()).isEqualTo(201);
  }

  @Test
  void aQuotaHoldsHoweverManyAreMadeAtOnce() throws Exception {
    quota("crowd", "hard: {pods: 7, requests.cpu: 5, count/configmaps: 9}");
    List<Future<Api.Answer>> made = new ArrayList<>();
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (int i = 0; i < 40; i++) {
        int number = i;
        made.add(
            threads.submit(() -> api.create("crowd", pod("p" + number, "requests: {cpu: 500m}"))));
      }
    }
    assertThat(made).filteredOn(each -> each.resultNow().code() == 201).hasSize(7);
    assertThat(made)
        .filteredOn(each -> each.resultNow().code() == 403)
        .hasSize(33)
        .allSatisfy(each ->
            assertThat(each.resultNow().message())
                .endsWith(
                    " is forbidden: exceeded quota: q, requested: pods=1, used: pods=7,"
                        + " limited: pods=7"));
    assertThat(quota("crowd").at("status", "used", "requests.cpu")).isEqualTo("3500m");
    // What was refused for another reason holds nothing.
    String taken = oneMade(made);
    assertThat(api.create("crowd", pod(taken, "requests: {cpu: 1}")).code()).isIn(403, 409);
    assertThat(quota("crowd").at("status", "used", "pods")).isEqualTo("7");
    // What goes makes room at once.
    api.send(
        "DELETE",
        "/api/v1/namespaces/crowd/pods/" + taken,
        "application/json",
        "{\"gracePeriodSeconds\":0}");
    assertThat(quota("crowd").at("status", "used", "requests.cpu")).isEqualTo("3");
    var big = api.create("crowd", pod("big", "requests: {cpu: 3}"));
    assertThat(big.message())
        .isEqualTo(
            "pods \"big\" is forbidden: exceeded quota: q, requested: requests.cpu=3, used:"
                + " requests.cpu=3, limited: requests.cpu=5");
    assertThat(api.create("crowd", pod("fits", "requests: {cpu: 2}")).code()).isEqualTo(201);
    assertThat(api.create("crowd", pod("silent", "")).message())
        .isEqualTo(
            "pods \"silent\" is forbidden: failed quota: q: must specify requests.cpu for: c");
  }

  private static String oneMade(List<Future<Api.Answer>> made) {
    return made.stream()
        .map(Future::resultNow)
        .filter(each -> each.code() == 201)
        .findFirst()
        .orElseThrow()
        .at("metadata", "name");
  }

  @Test
  void aPodThatEndedNoLongerCounts() throws Exception {
    quota("ended", "hard: {pods: 1, count/pods: 2}");
    assertThat(api.create("ended", pod("one", "")).code()).isEqualTo(201);
    assertThat(api.create("ended", pod("two", "")).code()).isEqualTo(403);
    var done =
        api.merge(
            "/api/v1/namespaces/ended/pods/one/status", "{\"status\":{\"phase\":\"Succeeded\"}}");
    assertThat(done.code()).as(done.message()).isEqualTo(200);
    assertThat(api.create("ended", pod("two", "")).code()).isEqualTo(201);
    assertThat(quota("ended").at("status", "used"))
        .contains("\"pods\":\"1\"")
        .contains("\"count/pods\":\"2\"");
  }

  @Test
  void aDryRunCountsNothing() throws Exception {
    quota("dry", "hard: {configmaps: 1}");
    String map = "{apiVersion: v1, kind: ConfigMap, metadata: {name: m}}";
    String path = "/api/v1/namespaces/dry/configmaps?dryRun=All";
    assertThat(api.post(path, map).code()).isEqualTo(201);
    assertThat(api.post(path, map).code()).isEqualTo(201);
    assertThat(api.create("dry", map).code()).isEqualTo(201);
    assertThat(api.post(path, map.replace("name: m", "name: n")).message())
        .isEqualTo(
            "configmaps \"n\" is forbidden: exceeded quota: q, requested: configmaps=1, used:"
                + " configmaps=1, limited: configmaps=1");
  }

  @Test
  void scopesSayWhichPodsCount() throws Exception {
    quota(
        "scoped",
        "hard: {pods: 0}, scopeSelector: {matchExpressions: [{scopeName: PriorityClass, operator:"
            + " In, values: [system-node-critical]}]}");
    assertThat(api.create("scoped", pod("plain", "")).code()).isEqualTo(201);
    String critical =
        pod("critical", "").replace("spec: {", "spec: {priorityClassName: system-node-critical, ");
    assertThat(api.create("scoped", critical).message()).contains("exceeded quota: q");
    quota("effort", "hard: {pods: 0}, scopes: [BestEffort]");
    assertThat(api.create("effort", pod("some", "requests: {cpu: 1m}")).code()).isEqualTo(201);
    assertThat(api.create("effort", pod("none", "")).message()).contains("exceeded quota: q");
  }

  @Test
  void servicesAndClaimsCountByWhatTheyAskFor() throws Exception {
    quota(
        "things",
        "hard: {services.nodeports: 1, services.loadbalancers: 0, requests.storage: 3Gi,"
            + " fast.storageclass.storage.k8s.io/requests.storage: 1Gi}");
    String service =
        "{apiVersion: v1, kind: Service, metadata: {name: %s}, spec: {type: %s, ports: [{port:"
            + " 80}]}}";
    assertThat(api.create("things", service.formatted("a", "NodePort")).code()).isEqualTo(201);
    assertThat(api.create("things", service.formatted("b", "NodePort")).message())
        .contains("requested: services.nodeports=1, used: services.nodeports=1");
    assertThat(api.create("things", service.formatted("c", "ClusterIP")).code()).isEqualTo(201);
    var turned =
        api.merge("/api/v1/namespaces/things/services/c", "{\"spec\":{\"type\":\"NodePort\"}}");
    assertThat(turned.message()).contains("exceeded quota: q, requested: services.nodeports=1");
    var back =
        api.merge("/api/v1/namespaces/things/services/a", "{\"spec\":{\"type\":\"ClusterIP\"}}");
    assertThat(back.code()).as(back.message()).isEqualTo(200);
    assertThat(quota("things").at("status", "used", "services.nodeports")).isEqualTo("0");
    String claim =
        "{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: %s}, spec: {accessModes:"
            + " [ReadWriteOnce], storageClassName: %s, resources: {requests: {storage: 2Gi}}}}";
    assertThat(api.create("things", claim.formatted("x", "fast")).message())
        .contains("fast.storageclass.storage.k8s.io/requests.storage=2Gi");
    assertThat(api.create("things", claim.formatted("y", "slow")).code()).isEqualTo(201);
    assertThat(api.create("things", claim.formatted("z", "slow")).message())
        .contains("used: requests.storage=2Gi, limited: requests.storage=3Gi");
  }
}
