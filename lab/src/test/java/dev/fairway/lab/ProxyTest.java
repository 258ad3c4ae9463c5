// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/// Pods and Services through the API server's `proxy`.
@Tag("slow")
@ExtendWith(LabCluster.Extension.class)
class ProxyTest {
  private static final String OBJECTS =
      """
      apiVersion: v1
      kind: Namespace
      metadata: {name: proxied}
      ---
      apiVersion: v1
      kind: Pod
      metadata: {name: web, namespace: proxied, labels: {app: web}}
      spec:
        nodeName: worker-1
        terminationGracePeriodSeconds: 1
        containers:
        - name: web
          image: fairway.local/toolbox:1
          command: [sh, -c, "mkdir -p /srv/in/cgi-bin; echo hello > /srv/in/index.html; printf '#!/bin/sh\\necho; echo $REQUEST_METHOD $QUERY_STRING; cat\\n' > /srv/in/cgi-bin/echo; cp -r /srv/in/cgi-bin /srv; chmod +x /srv/cgi-bin/echo; trap 'exit 0' TERM; httpd -f -p 8080 -h /srv & wait"]
          ports: [{name: http, containerPort: 8080}]
          readinessProbe: {httpGet: {path: /in/, port: 8080}, periodSeconds: 1}
      ---
      apiVersion: v1
      kind: Service
      metadata: {name: web, namespace: proxied}
      spec:
        selector: {app: web}
        ports: [{name: http, port: 80, targetPort: http}, {name: other, port: 81, targetPort: 8080}]
      ---
      apiVersion: v1
      kind: Service
      metadata: {name: nobody, namespace: proxied}
      spec: {selector: {app: nobody}, ports: [{port: 80}]}
      ---
      apiVersion: v1
      kind: Pod
      metadata: {name: unplaced, namespace: proxied}
      spec:
        nodeSelector: {no: such}
        containers: [{name: c, image: "fairway.local/toolbox:1"}]
      """;

  private final LabCluster cluster;

  ProxyTest(LabCluster cluster) {
    this.cluster = cluster;
  }

  @BeforeAll
  static void runPods(LabCluster cluster) {
    cluster.shell().run("./fairway kubectl apply -f -", OBJECTS).good();
    cluster.kubectl("wait -n proxied --for=condition=Ready pod/web --timeout=120s");
    cluster.kubectl(
        "wait -n proxied endpointslice -l kubernetes.io/service-name=web --timeout=120s"
            + " --for=jsonpath='{.endpoints[0].conditions.ready}'=true");
  }

  @AfterAll
  static void removePods(LabCluster cluster) {
    cluster.kubectl("delete namespace proxied --timeout=120s");
  }

  private String get(String path) {
    return cluster.kubectl("get --raw /api/v1/namespaces/proxied/" + path);
  }

  /// Proxy version v1: should proxy through a service and a pod.
  @Test
  void podsAndServicesAnswer() {
    for (String name :
        new String[] {"pods/web", "pods/web:8080", "pods/web:http", "pods/http:web:"}) {
      assertThat(get(name + "/proxy/in/")).as(name).isEqualTo("hello\n");
    }
    for (String name :
        new String[] {
          "services/web:http", "services/web:80", "services/web:81", "services/http:web:other"
        }) {
      assertThat(get(name + "/proxy/in/index.html")).as(name).isEqualTo("hello\n");
    }
  }

  /// Proxy version v1: A set of valid responses are returned for both pod and service Proxy.
  @Test
  void methodsQueriesAndBodiesGoThrough() {
    String echo = "/api/v1/namespaces/proxied/services/web:http/proxy/cgi-bin/echo?a=b&c=d";
    assertThat(cluster.kubectl("get --raw '" + echo + "'")).isEqualTo("GET a=b&c=d\n");
    assertThat(
            cluster
                .shell()
                .run("./fairway kubectl create --raw '" + echo + "' -f -", "body")
                .good())
        .isEqualTo("POST a=b&c=d\nbody");
    assertThat(
            cluster
                .shell()
                .run("./fairway kubectl replace --raw '" + echo + "' -f -", "more")
                .good())
        .contains("PUT");
  }

  @Test
  void redirectionsStayWithin() {
    // Both kubectl's client and a browser follow these: from the server's, and to the slash.
    assertThat(get("pods/web/proxy/in")).isEqualTo("hello\n");
    assertThat(
            cluster
                .shell()
                .run("./fairway kubectl get --raw /api/v1/namespaces/proxied/pods/web/proxy")
                .bad())
        .contains("could not find the requested resource");
  }

  @Test
  void whoIsNotThereOrNotToBeCalledIsSaid() {
    String raw = "./fairway kubectl get --raw /api/v1/namespaces/proxied/";
    assertThat(cluster.shell().run(raw + "services/nobody/proxy/").bad())
        .contains("no endpoints available for service \"nobody\"");
    assertThat(cluster.shell().run(raw + "services/web:99/proxy/").bad())
        .contains("no service port 99 found for service \"web\"");
    assertThat(cluster.shell().run(raw + "pods/unplaced/proxy/").bad())
        .contains("pod unplaced has no address yet");
    assertThat(cluster.shell().run(raw + "pods/ftp:web:80/proxy/").bad())
        .contains("it is NAME, NAME:PORT or http(s):NAME:PORT");
    // CVE-2020-8562: no way to what listens on the API server's own loopback.
    cluster.kubectl(
        "patch pod unplaced -n proxied --subresource=status -p '{\"status\":{\"podIP\":\"127.0.0.1\"}}'");
    assertThat(cluster.shell().run(raw + "pods/unplaced:6443/proxy/").bad())
        .contains("address not allowed: 127.0.0.1");
  }
}
