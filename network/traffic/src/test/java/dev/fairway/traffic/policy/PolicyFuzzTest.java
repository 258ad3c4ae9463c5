// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.policy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import dev.fairway.net.IpFamily;
import dev.fairway.reconcile.ObjectKey;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.Namespace;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.networking.v1.NetworkPolicy;
import io.fabric8.kubernetes.client.utils.Serialization;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/// Objects as nobody should write them: every field null, missing, of an odd value, or many times.
/// None may keep the others from being enforced.
final class PolicyFuzzTest {
  private static final int ROUNDS = 3000;
  private static final List<String> TEXTS =
      List.of(
          "",
          "a",
          "x",
          "In",
          "NotIn",
          "Exists",
          "TCP",
          "SCTP",
          "tcp",
          "Ingress",
          "Egress",
          "Accept",
          "Deny",
          "Pass",
          "Admin",
          "Baseline",
          "10.0.0.0/8",
          "10.0.0.0/33",
          "10.1.2.3/8",
          "10.0.0.0/-1",
          "::/0",
          "::ffff:10.0.0.0/104",
          "fd00::/8/8",
          "300.1.1.1/8",
          "0.0.0.0/0",
          "serve-80-tcp",
          "ü\u0000\n{}",
          "99999999999999999999",
          "long ".repeat(500));
  private static final List<Integer> NUMBERS =
      List.of(0, 1, -1, 7, 80, 1000, 1001, 65535, 65536, Integer.MAX_VALUE, Integer.MIN_VALUE);

  private final Random random = new Random(20_261_123);

  private <T> T any(List<T> all) {
    return all.get(random.nextInt(all.size()));
  }

  private @Nullable Object text() {
    return random.nextInt(8) == 0 ? null : any(TEXTS);
  }

  private @Nullable Object number() {
    return random.nextInt(8) == 0 ? null : any(NUMBERS);
  }

  private List<@Nullable Object> several(Supplier<@Nullable Object> one) {
    List<@Nullable Object> all = new ArrayList<>();
    for (int i = random.nextInt(4); i > 0; i--) {
      all.add(random.nextInt(10) == 0 ? null : one.get());
    }
    return all;
  }

  /// Each of the fields is there as often as not.
  private Map<String, @Nullable Object> object(Object... namesAndValues) {
    Map<String, @Nullable Object> object = new LinkedHashMap<>();
    for (int i = 0; i < namesAndValues.length; i += 2) {
      if (random.nextInt(3) > 0) {
        object.put(
            (String) namesAndValues[i],
            random.nextInt(12) == 0 ? null : field(namesAndValues[i + 1]));
      }
    }
    return object;
  }

  private @Nullable Object field(Object maker) {
    return ((Supplier<?>) maker).get();
  }

  private static Object made(Supplier<?> maker) {
    return maker;
  }

  private @Nullable Object labels() {
    Map<String, @Nullable Object> labels = new LinkedHashMap<>();
    for (int i = random.nextInt(3); i > 0; i--) {
      labels.put(any(TEXTS), text());
    }
    return labels;
  }

  private @Nullable Object selector() {
    return object(
        "matchLabels",
        made(this::labels),
        "matchExpressions",
        made(() ->
            several(() ->
                object(
                    "key",
                    made(this::text),
                    "operator",
                    made(this::text),
                    "values",
                    made(() -> several(this::text))))));
  }

  private @Nullable Object rule(String peers) {
    return object(
        peers,
        made(() ->
            several(() ->
                object(
                    "podSelector",
                    made(this::selector),
                    "namespaceSelector",
                    made(this::selector),
                    "ipBlock",
                    made(() ->
                        object(
                            "cidr",
                            made(this::text),
                            "except",
                            made(() -> several(this::text))))))),
        "ports",
        made(() ->
            several(() ->
                object(
                    "protocol",
                    made(this::text),
                    "port",
                    made(() -> random.nextBoolean() ? text() : number()),
                    "endPort",
                    made(this::number)))));
  }

  private @Nullable Object clusterRule(String peers) {
    return object(
        "name",
        made(this::text),
        "action",
        made(this::text),
        peers,
        made(() -> several(this::clusterPeer)),
        "protocols",
        made(() ->
            several(() ->
                object(
                    "tcp",
                    made(this::port),
                    "udp",
                    made(this::port),
                    "destinationNamedPort",
                    made(this::text)))));
  }

  private @Nullable Object clusterPeer() {
    return switch (random.nextInt(5)) {
      case 0 -> object("namespaces", made(this::selector));
      case 1 -> object("nodes", made(this::selector));
      case 2 -> object("networks", made(() -> several(this::text)));
      case 3 -> object("domainNames", made(() -> several(this::text)));
      default ->
          object(
              "pods",
              made(() ->
                  object(
                      "namespaceSelector",
                      made(this::selector),
                      "podSelector",
                      made(this::selector))),
              "namespaces",
              made(this::selector));
    };
  }

  private @Nullable Object port() {
    return object(
        "destinationPort",
        made(() ->
            object(
                "number",
                made(this::number),
                "range",
                made(() -> object("start", made(this::number), "end", made(this::number))))));
  }

  private <T extends HasMetadata> T written(
      Class<T> kind, String version, Map<String, Object> metadata, @Nullable Object spec) {
    Map<String, @Nullable Object> object = new LinkedHashMap<>();
    object.put("apiVersion", version);
    object.put("kind", kind.getSimpleName());
    object.put("metadata", metadata);
    if (random.nextInt(50) > 0) {
      object.put("spec", spec);
    }
    return Serialization.unmarshal(Serialization.asJson(object), kind);
  }

  private NetworkPolicy policy(int number) {
    return written(
        NetworkPolicy.class,
        "networking.k8s.io/v1",
        Map.of("name", "p" + number, "namespace", "x"),
        object(
            "podSelector",
            made(this::selector),
            "policyTypes",
            made(() -> several(this::text)),
            "ingress",
            made(() -> several(() -> rule("from"))),
            "egress",
            made(() -> several(() -> rule("to")))));
  }

  private ClusterNetworkPolicy clusterPolicy(int number) {
    return written(
        ClusterNetworkPolicy.class,
        "policy.networking.k8s.io/v1alpha2",
        Map.of("name", "c" + number),
        object(
            "tier",
            made(() -> any(List.of("Admin", "Baseline", "other"))),
            "priority",
            made(this::number),
            "subject",
            made(this::clusterPeer),
            "ingress",
            made(() -> several(() -> clusterRule("from"))),
            "egress",
            made(() -> several(() -> clusterRule("to")))));
  }

  @Test
  void whateverIsWrittenTheOthersAreEnforced() {
    List<String> problems = new ArrayList<>();
    PolicyIndex index = new PolicyIndex("n", List.of(), problems::add);
    List<Pod> pods =
        List.of(Objects.pod("x", "a", "n", 1), Objects.pod("x", "b", "n", 2), strangePod());
    List<Namespace> namespaces = List.of(Objects.namespace("x"));
    index.set(
        namespaces,
        pods,
        List.of(Objects.policy("x/closed", "podSelector: {matchLabels: {pod: a}}")));
    for (int i = 0; i < ROUNDS; i++) {
      NetworkPolicy policy = policy(i % 5);
      ClusterNetworkPolicy clusterPolicy = clusterPolicy(i % 5);
      assertThatCode(
              () -> {
                index.policyChanged(ObjectKey.of(policy), policy);
                index.clusterPolicyChanged(clusterPolicy.getMetadata().getName(), clusterPolicy);
                PolicyRules rules = index.refresh();
                assertThat(rules.print()).contains("10.200.0.1 x/a to to-");
                for (IpFamily family : IpFamily.values()) {
                  new PolicyNft(family, "")
                      .render(
                          PolicyPlan.between(PolicyRules.NONE, rules, family),
                          PolicyRules.NONE,
                          rules);
                }
              })
          .as(
              "round %s:%n%s%n%s",
              i, Serialization.asYaml(policy), Serialization.asYaml(clusterPolicy))
          .doesNotThrowAnyException();
    }
    // Each names its object and a field.
    assertThat(problems)
        .isNotEmpty()
        .allMatch(
            one -> one.matches("(?s)(NetworkPolicy x/p|ClusterNetworkPolicy c)[0-4]: spec\\..*"));
  }

  private static Pod strangePod() {
    return Serialization.unmarshal(
        """
        apiVersion: v1
        kind: Pod
        metadata: {name: strange, namespace: x, labels: {a: null}}
        spec: {nodeName: n, containers: [{name: c, ports: [null, {name: a, containerPort: 0}]}]}
        status: {phase: Odd, podIPs: [null, {ip: nothing}, {ip: 10.200.0.3}]}
        """,
        Pod.class);
  }
}
