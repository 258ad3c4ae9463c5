// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.node.ObjectNode;

class DefaultsTest {
  @Test
  void fillsADeployment() {
    ObjectNode given =
        Examples.object(
            """
            apiVersion: apps/v1
            kind: Deployment
            metadata: {name: web, namespace: default}
            spec:
              selector: {matchLabels: {app: web}}
              template:
                metadata: {labels: {app: web}}
                spec:
                  containers:
                  - name: c
                    image: nginx
                    ports: [{containerPort: 80}]
                    readinessProbe: {httpGet: {port: 80}}
                  volumes: [{name: v, configMap: {name: m}}]
            """);
    ObjectNode full =
        Examples.yaml(
            """
            metadata: {name: web, namespace: default}
            spec:
              selector: {matchLabels: {app: web}}
              template:
                metadata: {labels: {app: web}}
                spec:
                  containers:
                  - name: c
                    image: nginx
                    ports: [{containerPort: 80, protocol: TCP}]
                    readinessProbe:
                      httpGet: {port: 80, path: /, scheme: HTTP}
                      timeoutSeconds: 1
                      periodSeconds: 10
                      successThreshold: 1
                      failureThreshold: 3
                    resources: {}
                    terminationMessagePath: /dev/termination-log
                    terminationMessagePolicy: File
                    imagePullPolicy: Always
                  volumes: [{name: v, configMap: {name: m, defaultMode: 420}}]
                  dnsPolicy: ClusterFirst
                  restartPolicy: Always
                  schedulerName: default-scheduler
                  terminationGracePeriodSeconds: 30
                  enableServiceLinks: true
                  securityContext: {}
              replicas: 1
              strategy: {type: RollingUpdate, rollingUpdate: {maxUnavailable: 25%, maxSurge: 25%}}
              revisionHistoryLimit: 10
              progressDeadlineSeconds: 600
            status: {}
            apiVersion: apps/v1
            kind: Deployment
            """);
    assertThat(given).isEqualTo(full);
    ObjectNode again = Trees.copy(given);
    Defaults.apply(Examples.kindOf(again), again);
    assertThat(again).isEqualTo(given);
  }

  @ParameterizedTest
  @CsvSource({
    "nginx,Always",
    "nginx:latest,Always",
    "nginx:1.27,IfNotPresent",
    "reg:5000/nginx,Always",
    "reg:5000/a/nginx:2,IfNotPresent",
    "nginx@sha256:00,IfNotPresent"
  })
  void pullsByTag(String image, String policy) {
    assertThat(PodDefaults.pullPolicy(image)).isEqualTo(policy);
  }

  @Test
  void fillsOthers() {
    ObjectNode service =
        Examples.object(
            """
            {apiVersion: v1, kind: Service, metadata: {name: s, namespace: d},
             spec: {type: NodePort, ports: [{port: 80}]}}
            """);
    assertThat(service.get("spec"))
        .isEqualTo(
            Examples.yaml(
                """
                type: NodePort
                ports: [{port: 80, protocol: TCP, targetPort: 80}]
                sessionAffinity: None
                externalTrafficPolicy: Cluster
                internalTrafficPolicy: Cluster
                """));
    ObjectNode secret =
        Examples.object(
            "{apiVersion: v1, kind: Secret, metadata: {name: s}, stringData: {a: hello}}");
    assertThat(secret.toString()).contains("\"data\":{\"a\":\"aGVsbG8=\"}", "\"type\":\"Opaque\"");
    ObjectNode namespace =
        Examples.object("{apiVersion: v1, kind: Namespace, metadata: {name: n}}");
    assertThat(Trees.text(namespace, "metadata", "labels", "kubernetes.io/metadata.name"))
        .isEqualTo("n");
    ObjectNode pod =
        Examples.object(
            """
            {apiVersion: v1, kind: Pod, metadata: {name: p, namespace: d},
             spec: {containers: [{name: c, image: i, resources: {limits: {cpu: 1}}}]}}
            """);
    assertThat(pod.at("/spec/containers/0/resources/requests/cpu").asString()).isEqualTo("1");
  }
}
