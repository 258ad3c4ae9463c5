// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/// CVE-2024-7598: what network policies forbid stays forbidden while their namespace is deleted, as
/// long as one of its pods runs.
@Tag("slow")
@ExtendWith(LabCluster.Extension.class)
class NamespaceEndTest {
  private static final String OBJECTS =
      """
      apiVersion: v1
      kind: Namespace
      metadata: {name: ending}
      ---
      apiVersion: networking.k8s.io/v1
      kind: NetworkPolicy
      metadata: {name: nobody, namespace: ending}
      spec: {podSelector: {}, policyTypes: [Ingress]}
      ---
      apiVersion: v1
      kind: Pod
      metadata: {name: web, namespace: ending}
      spec:
        containers:
        - name: web
          image: fairway.local/toolbox:1
          lifecycle: {preStop: {exec: {command: [sleep, "4"]}}}
      ---
      apiVersion: v1
      kind: Pod
      metadata: {name: ending-client, namespace: default}
      spec:
        terminationGracePeriodSeconds: 0
        containers: [{name: client, image: "fairway.local/toolbox:1", command: [sleep, "100000"]}]
      """;

  private static final String WATCH =
      """
      k() { ./fairway kubectl "$@" 2>/dev/null; }
      address=$(k get pod -n ending web -o jsonpath={.status.podIP})
      k delete namespace ending --wait=false || exit 1
      looks=0
      while k get namespace ending >/dev/null; do
        if k exec ending-client -- timeout 1 wget -qO- http://$address/cgi-bin/index.cgi; then
          echo the pod was reached; exit 1
        fi
        if ! k get networkpolicy -n ending nobody >/dev/null && k get pod -n ending web; then
          echo the policy went before the pod; exit 1
        fi
        looks=$((looks + 1))
      done
      echo looked $looks times
      """;

  @AfterAll
  static void removePods(LabCluster cluster) {
    cluster.kubectl("delete namespace ending --ignore-not-found --timeout=120s");
    cluster.kubectl("delete pod ending-client -n default --now --ignore-not-found");
  }

  @Test
  void policiesHoldUntilTheLastPodIsGone(LabCluster cluster) {
    cluster.shell().run("./fairway kubectl apply -f -", OBJECTS).good();
    cluster.kubectl("wait --for=condition=Ready pod/web -n ending --timeout=120s");
    cluster.kubectl("wait --for=condition=Ready pod/ending-client -n default --timeout=120s");
    assertThat(cluster.shell().run(WATCH).good()).doesNotContain("looked 0 ", "looked 1 ");
  }
}
