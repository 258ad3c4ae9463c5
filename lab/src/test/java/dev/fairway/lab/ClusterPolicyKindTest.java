// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fairway.lab.bench.LocalApi;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.reconcile.ClusterFollower;
import dev.fairway.traffic.policy.ClusterPolicies;
import dev.fairway.traffic.policy.PolicyConfig;
import dev.fairway.traffic.policy.PolicyDatapath;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The kind ClusterNetworkPolicy comes to a cluster and goes, while a node's agent runs.
class ClusterPolicyKindTest {
  private static final Duration PATIENCE = Duration.ofSeconds(60);
  private static final String POLICY =
      """
      apiVersion: policy.networking.k8s.io/v1alpha2
      kind: ClusterNetworkPolicy
      metadata: {name: closed}
      spec:
        tier: %s
        priority: 7
        subject: {namespaces: {}}
        ingress: [{action: Deny, from: [{namespaces: {}}]}]
        egress: [{action: Accept, to: [{networks: [10.0.0.0/8]}], protocols: [{tcp: {destinationPort: {range: {start: 1, end: 99}}}}]}]
      """;

  @TempDir Path directory;

  private static String tables(NetworkNamespace node) throws Exception {
    Process nft =
        node.start(new ProcessBuilder("nft", "list", "ruleset").redirectErrorStream(true));
    String text = new String(nft.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    nft.waitFor();
    return text;
  }

  private static void until(NetworkNamespace node, Predicate<String> holds) throws Exception {
    long start = System.nanoTime();
    while (!holds.test(tables(node))) {
      assertThat(System.nanoTime() - start).as("%s", tables(node)).isLessThan(PATIENCE.toNanos());
    }
  }

  private static void runPod(KubernetesClient admin) {
    apply(
        admin,
        "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: default, namespace: default}\n");
    admin
        .resource(
            new PodBuilder()
                .withNewMetadata()
                .withNamespace("default")
                .withName("p")
                .endMetadata()
                .withNewSpec()
                .withNodeName("w")
                .addNewContainer()
                .withName("c")
                .withImage("i")
                .endContainer()
                .endSpec()
                .build())
        .create();
    admin
        .pods()
        .inNamespace("default")
        .withName("p")
        .editStatus(pod ->
            new PodBuilder(pod).editOrNewStatus().addNewPodIP("10.200.0.5").endStatus().build());
  }

  @Test
  void itIsFollowedWhileItIsThere() throws Exception {
    try (LocalApi api = new LocalApi(directory);
        KubernetesClient admin = api.admin();
        KubernetesClient client = api.node("w");
        NetworkNamespace node = NetworkNamespace.createAnonymous();
        PolicyDatapath datapath = PolicyDatapath.open(new PolicyConfig("w", List.of()), node)) {
      runPod(admin);
      ClusterFollower.Builder follow = ClusterFollower.of(client);
      datapath.subscribe(follow);
      try (ClusterPolicies _ = ClusterPolicies.follow(client, datapath);
          ClusterFollower _ = follow.start()) {
        until(node, text -> text.contains("fairway-policy"));
        for (int round = 0; round < 2; round++) {
          admin.load(stream(ClusterPolicies.yaml())).serverSideApply();
          apply(admin, POLICY.formatted("Admin"));
          until(node, text -> text.contains("by/closed") && text.contains("10.200.0.5 : jump"));
          assertThatThrownBy(() -> admin.load(stream(POLICY.formatted("Other"))).serverSideApply())
              .isInstanceOf(KubernetesClientException.class)
              .hasMessageContaining("spec.tier");
          admin.load(stream(ClusterPolicies.yaml())).delete();
          until(node, text -> text.contains("fairway-policy") && !text.contains("by/closed"));
        }
      }
    }
  }

  private static final String RIGHTS =
      """
      apiVersion: rbac.authorization.k8s.io/v1
      kind: ClusterRole
      metadata: {name: agent}
      rules:
      - {apiGroups: [""], resources: [pods, namespaces, nodes], verbs: [get, list, watch]}
      - {apiGroups: [networking.k8s.io], resources: [networkpolicies], verbs: [list, watch]}
      - {apiGroups: [apiextensions.k8s.io], resources: [customresourcedefinitions], verbs: [list, watch]}
      %s
      """;
  private static final String RIGHTS_TO_THE_KIND =
      "- {apiGroups: [policy.networking.k8s.io], resources: [clusternetworkpolicies], verbs: [list,"
          + " watch]}\n- {apiGroups: [policy.networking.k8s.io], resources: [clusternetworkpolicies/status],"
          + " verbs: [patch]}";
  private static final String BINDING =
      """
      apiVersion: rbac.authorization.k8s.io/v1
      kind: ClusterRoleBinding
      metadata: {name: agent}
      roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: agent}
      subjects: [{kind: User, apiGroup: rbac.authorization.k8s.io, name: agent}]
      """;
  private static final String NETWORK_POLICY =
      """
      apiVersion: networking.k8s.io/v1
      kind: NetworkPolicy
      metadata: {name: deny, namespace: default}
      spec: {podSelector: {}}
      """;

  /// What cannot be read holds up nothing else, and once it can, it counts, and is told to be
  /// understood or not.
  @Test
  void whatMayNotBeReadHoldsUpNothingElse() throws Exception {
    try (LocalApi api = new LocalApi(directory);
        KubernetesClient admin = api.admin();
        KubernetesClient client = api.user("agent");
        NetworkNamespace node = NetworkNamespace.createAnonymous();
        PolicyDatapath datapath = PolicyDatapath.open(new PolicyConfig("w", List.of()), node)) {
      runPod(admin);
      apply(admin, RIGHTS.formatted(""));
      apply(admin, BINDING);
      apply(admin, NETWORK_POLICY);
      admin.load(stream(ClusterPolicies.yaml())).serverSideApply();
      apply(admin, POLICY.formatted("Admin"));
      apply(
          admin,
          POLICY
              .formatted("Admin")
              .replace("closed", "odd")
              .replace("networks: [10.0.0.0/8]", "domainNames: [fairway.dev]"));
      ClusterFollower.Builder follow = ClusterFollower.of(client);
      datapath.subscribe(follow);
      try (ClusterPolicies _ = ClusterPolicies.followAndTell(client, datapath);
          ClusterFollower _ = follow.start()) {
        until(node, text -> text.contains("10.200.0.5 : jump") && !text.contains("by/closed"));
        apply(admin, RIGHTS.formatted(RIGHTS_TO_THE_KIND));
        until(node, text -> text.contains("10.200.0.5 : jump") && text.contains("by/closed"));
        untilTold(admin, "closed", "True Accepted all of it is understood");
        untilTold(
            admin,
            "odd",
            "False Invalid spec.egress[0].to[0].domainNames: is not supported; the rule accepts nothing");
      }
    }
  }

  private static void untilTold(KubernetesClient admin, String policy, String wanted) {
    long start = System.nanoTime();
    while (true) {
      Map<String, Object> object =
          admin
              .genericKubernetesResources(
                  "policy.networking.k8s.io/v1alpha2", "ClusterNetworkPolicy")
              .withName(policy)
              .get()
              .getAdditionalProperties();
      String told = "nothing";
      if (object.get("status") instanceof Map<?, ?> status
          && status.get("conditions") instanceof List<?> conditions
          && conditions.getFirst() instanceof Map<?, ?> first) {
        told = first.get("status") + " " + first.get("reason") + " " + first.get("message");
      }
      if (told.equals(wanted)) {
        return;
      }
      assertThat(System.nanoTime() - start).as(told).isLessThan(PATIENCE.toNanos());
    }
  }

  /// A kind that was just made takes a moment to be served.
  private static void apply(KubernetesClient client, String yaml) {
    long start = System.nanoTime();
    while (true) {
      try {
        client.load(stream(yaml)).serverSideApply();
        return;
      } catch (KubernetesClientException e) {
        if (System.nanoTime() - start > PATIENCE.toNanos()) {
          throw e;
        }
      }
    }
  }

  private static InputStream stream(String text) {
    return new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8));
  }
}
