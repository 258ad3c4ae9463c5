// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery.table;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.apimachinery.Examples;
import dev.fairway.apimachinery.Kind;
import dev.fairway.apimachinery.Kinds;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

class TablesTest {
  private static final Instant NOW = Instant.parse("2026-01-01T01:00:00Z");
  private static final String META =
      "metadata: {name: x, namespace: d, creationTimestamp: '2026-01-01T00:00:00Z'}";

  private static ObjectNode table(String apiVersion, String kind, String body) {
    ObjectNode object = Examples.yaml("{" + META + (body.isEmpty() ? "" : ", " + body) + "}");
    return Tables.render(
        Examples.kind(apiVersion, kind),
        List.of(object),
        null,
        Tables.IncludeObject.NONE,
        NOW,
        true);
  }

  /// Headers as kubectl prints them, wide ones behind a bar; then the cells.
  private static String shown(String apiVersion, String kind, String body) {
    ObjectNode table = table(apiVersion, kind, body);
    List<String> names = new ArrayList<>();
    boolean wide = false;
    for (JsonNode column : table.get("columnDefinitions")) {
      if (column.get("priority").intValue() == 1 && !wide) {
        names.add("|");
        wide = true;
      }
      names.add(column.get("name").asString().toUpperCase(java.util.Locale.ROOT).replace(' ', '-'));
    }
    List<String> cells = new ArrayList<>();
    table.get("rows").get(0).get("cells").forEach(cell -> cells.add(cell.asString()));
    return String.join(" ", names) + " => " + String.join(" ", cells);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '~',
      quoteCharacter = '`',
      value = {
        "v1 ~ Pod ~ spec: {nodeName: w0, containers: [{name: a}, {name: b}]}, status: {phase: Running, podIPs: [{ip: 10.200.0.5}], containerStatuses: [{ready: true, state: {running: {}}}, {ready: false, restartCount: 2, lastState: {terminated: {finishedAt: '2026-01-01T00:55:00Z'}}, state: {waiting: {reason: CrashLoopBackOff}}}]} ~ NAME READY STATUS RESTARTS AGE | IP NODE NOMINATED-NODE READINESS-GATES => x 1/2 CrashLoopBackOff 2 (5m ago) 60m 10.200.0.5 w0 <none> <none>",
        "v1 ~ Node ~ status: {conditions: [{type: Ready, status: 'True'}], nodeInfo: {kubeletVersion: v1}, addresses: [{type: InternalIP, address: 10.240.0.20}]} ~ NAME STATUS ROLES AGE VERSION | INTERNAL-IP EXTERNAL-IP OS-IMAGE KERNEL-VERSION CONTAINER-RUNTIME => x Ready <none> 60m v1 10.240.0.20 <none> <unknown> <unknown> <unknown>",
        "v1 ~ Service ~ spec: {type: NodePort, clusterIP: 10.32.0.7, selector: {app: web}, ports: [{port: 80, nodePort: 30001, protocol: TCP}]} ~ NAME TYPE CLUSTER-IP EXTERNAL-IP PORT(S) AGE | SELECTOR => x NodePort 10.32.0.7 <none> 80:30001/TCP 60m app=web",
        "v1 ~ Endpoints ~ subsets: [{addresses: [{ip: 1.1.1.1}, {ip: 1.1.1.2}, {ip: 1.1.1.3}, {ip: 1.1.1.4}], ports: [{port: 80}]}] ~ NAME ENDPOINTS AGE => x 1.1.1.1:80,1.1.1.2:80,1.1.1.3:80 + 1 more... 60m",
        "v1 ~ Namespace ~ status: {phase: Active} ~ NAME STATUS AGE => x Active 60m",
        "v1 ~ ConfigMap ~ data: {a: b} ~ NAME DATA AGE => x 1 60m",
        "v1 ~ Secret ~ type: Opaque, data: {a: b} ~ NAME TYPE DATA AGE => x Opaque 1 60m",
        "v1 ~ ServiceAccount ~ `` ~ NAME SECRETS AGE => x 0 60m",
        "v1 ~ Event ~ involvedObject: {kind: Pod, name: p}, type: Normal, reason: Pulled, message: done, count: 3, lastTimestamp: '2026-01-01T00:59:00Z', firstTimestamp: '2026-01-01T00:50:00Z', source: {component: kubelet, host: w0} ~ LAST-SEEN TYPE REASON OBJECT | SUBOBJECT SOURCE MESSAGE FIRST-SEEN COUNT NAME => 60s Normal Pulled pod/p  kubelet, w0 done 10m 3 x",
        "apps/v1 ~ Deployment ~ spec: {replicas: 3, selector: {matchLabels: {a: b}}, template: {spec: {containers: [{name: c, image: i}]}}}, status: {readyReplicas: 2, updatedReplicas: 3, availableReplicas: 2} ~ NAME READY UP-TO-DATE AVAILABLE AGE | CONTAINERS IMAGES SELECTOR => x 2/3 3 2 60m c i a=b",
        "apps/v1 ~ ReplicaSet ~ spec: {replicas: 3}, status: {replicas: 2} ~ NAME DESIRED CURRENT READY AGE | CONTAINERS IMAGES SELECTOR => x 3 2 0 60m   <none>",
        "apps/v1 ~ DaemonSet ~ status: {desiredNumberScheduled: 3} ~ NAME DESIRED CURRENT READY UP-TO-DATE AVAILABLE NODE-SELECTOR AGE | CONTAINERS IMAGES SELECTOR => x 3 0 0 0 0 <none> 60m   <none>",
        "apps/v1 ~ StatefulSet ~ spec: {replicas: 1} ~ NAME READY AGE | CONTAINERS IMAGES => x 0/1 60m  ",
        "batch/v1 ~ Job ~ spec: {completions: 1}, status: {succeeded: 1, startTime: '2026-01-01T00:00:00Z', completionTime: '2026-01-01T00:00:07Z', conditions: [{type: Complete, status: 'True'}]} ~ NAME STATUS COMPLETIONS DURATION AGE | CONTAINERS IMAGES SELECTOR => x Complete 1/1 7s 60m   <none>",
        "batch/v1 ~ CronJob ~ spec: {schedule: '* * * * *'} ~ NAME SCHEDULE TIMEZONE SUSPEND ACTIVE LAST-SCHEDULE AGE | CONTAINERS IMAGES SELECTOR => x * * * * * <none> False 0 <none> 60m   <none>",
        "discovery.k8s.io/v1 ~ EndpointSlice ~ addressType: IPv4, ports: [{port: 80}], endpoints: [{addresses: [1.1.1.1]}] ~ NAME ADDRESSTYPE PORTS ENDPOINTS AGE => x IPv4 80 1.1.1.1 60m",
        "networking.k8s.io/v1 ~ Ingress ~ spec: {ingressClassName: c, rules: [{host: a.b}]} ~ NAME CLASS HOSTS ADDRESS PORTS AGE => x c a.b  80 60m",
        "networking.k8s.io/v1 ~ NetworkPolicy ~ spec: {podSelector: {}} ~ NAME POD-SELECTOR AGE => x <none> 60m",
        "coordination.k8s.io/v1 ~ Lease ~ spec: {holderIdentity: h} ~ NAME HOLDER AGE => x h 60m",
        "storage.k8s.io/v1 ~ StorageClass ~ provisioner: p, reclaimPolicy: Delete, volumeBindingMode: Immediate ~ NAME PROVISIONER RECLAIMPOLICY VOLUMEBINDINGMODE ALLOWVOLUMEEXPANSION AGE => x p Delete Immediate false 60m",
        "rbac.authorization.k8s.io/v1 ~ ClusterRole ~ `` ~ NAME CREATED-AT => x 2026-01-01T00:00:00Z",
        "rbac.authorization.k8s.io/v1 ~ RoleBinding ~ roleRef: {kind: Role, name: r}, subjects: [{kind: User, name: u}] ~ NAME ROLE AGE | USERS GROUPS SERVICEACCOUNTS => x Role/r 60m u  ",
      })
  void kinds(String apiVersion, String kind, String body, String text) {
    assertThat(shown(apiVersion, kind, body)).isEqualToNormalizingWhitespace(text);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '~',
      value = {
        "status: {phase: Pending} ~ Pending",
        "status: {phase: Pending, containerStatuses: [{state: {waiting: {reason: ContainerCreating}}}]} ~ ContainerCreating",
        "spec: {initContainers: [{name: i}, {name: j}]}, status: {phase: Pending, initContainerStatuses: [{name: i, state: {running: {}}}, {name: j, state: {waiting: {reason: PodInitializing}}}]} ~ Init:0/2",
        "spec: {initContainers: [{name: i}]}, status: {phase: Pending, initContainerStatuses: [{name: i, state: {terminated: {exitCode: 1, reason: Error}}}]} ~ Init:Error",
        "status: {phase: Succeeded, containerStatuses: [{state: {terminated: {exitCode: 0, reason: Completed}}}]} ~ Completed",
        "status: {phase: Failed, containerStatuses: [{state: {terminated: {exitCode: 3}}}]} ~ ExitCode:3",
        "status: {phase: Failed, reason: Evicted} ~ Evicted",
        "status: {phase: Running, containerStatuses: [{ready: true, state: {running: {}}}, {state: {terminated: {reason: Completed}}}], conditions: [{type: Ready, status: 'True'}]} ~ Running",
      })
  void podStatus(String body, String status) {
    assertThat(table("v1", "Pod", body).at("/rows/0/cells/2").asString()).isEqualTo(status);
  }

  @Test
  void deletedPodsAreTerminating() {
    ObjectNode pod =
        Examples.yaml(
            "{metadata: {name: p, deletionTimestamp: '2026-01-01T00:00:00Z'}, status: {phase: Running}}");
    ObjectNode table =
        Tables.render(
            Examples.kind("v1", "Pod"),
            List.of(pod),
            null,
            Tables.IncludeObject.METADATA,
            NOW,
            false);
    assertThat(table.at("/rows/0/cells/2").asString()).isEqualTo("Terminating");
    assertThat(table.get("columnDefinitions")).isEmpty();
    assertThat(table.at("/rows/0/object/kind").asString()).isEqualTo("PartialObjectMetadata");
  }

  @Test
  void everyKindHasATable() {
    for (Kind kind : Kinds.builtin().all()) {
      ObjectNode table = table(kind.apiVersion(), kind.kind(), "");
      assertThat(table.at("/rows/0/cells"))
          .as(kind.kind())
          .hasSameSizeAs(table.get("columnDefinitions"));
    }
  }
}
