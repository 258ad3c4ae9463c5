// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.policy;

import io.fabric8.kubernetes.api.model.networking.v1.NetworkPolicy;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.Supplier;

/// Policies that nobody would write.
final class RandomPolicies {
  private final Random random;
  private final List<String> namespaces;

  private RandomPolicies(Random random, List<String> namespaces) {
    this.random = random;
    this.namespaces = namespaces;
  }

  static List<NetworkPolicy> some(Random random, List<String> namespaces) {
    RandomPolicies source = new RandomPolicies(random, namespaces);
    List<NetworkPolicy> policies = new ArrayList<>();
    for (int i = random.nextInt(1, 7); i > 0; i--) {
      policies.add(Objects.policy(source.one(namespaces) + "/p" + i, source.spec()));
    }
    return policies;
  }

  static List<ClusterNetworkPolicy> ofCluster(Random random, List<String> namespaces) {
    RandomPolicies source = new RandomPolicies(random, namespaces);
    List<ClusterNetworkPolicy> policies = new ArrayList<>();
    for (int i = random.nextInt(5); i > 0; i--) {
      policies.add(Objects.clusterPolicy("c" + i, source.clusterSpec()));
    }
    return policies;
  }

  private String clusterSpec() {
    return "tier: "
        + one(List.of("Admin", "Baseline"))
        + "\npriority: "
        + random.nextInt(4)
        + "\nsubject: "
        + who()
        + "\ningress: "
        + list(4, () -> clusterRule("from", this::who))
        + "\negress: "
        + list(4, () -> clusterRule("to", this::whoOrNetwork));
  }

  private String clusterRule(String field, Supplier<String> peer) {
    boolean named = random.nextInt(4) == 0;
    String protocols =
        named
            ? ", protocols: [{destinationNamedPort: "
                + one(List.of("serve-80-tcp", "serve-81-udp", "other"))
                + "}]"
            : random.nextBoolean() ? "" : ", protocols: [" + protocol() + ", " + protocol() + "]";
    Supplier<String> who = named ? this::who : peer;
    return "{action: "
        + one(List.of("Accept", "Deny", "Pass"))
        + ", "
        + field
        + ": ["
        + who.get()
        + (random.nextBoolean() ? "" : ", " + who.get())
        + "]"
        + protocols
        + "}";
  }

  private String who() {
    String spaces = selector("ns", namespaces);
    return random.nextBoolean()
        ? "{namespaces: " + spaces + "}"
        : "{pods: {namespaceSelector: "
            + spaces
            + ", podSelector: "
            + selector("pod", List.of("a", "b", "c"))
            + "}}";
  }

  private String whoOrNetwork() {
    return random.nextInt(3) > 0
        ? who()
        : "{networks: ['10.200.0."
            + random.nextInt(10)
            + "/"
            + random.nextInt(24, 33)
            + "', 'fd00:200::"
            + random.nextInt(10)
            + "/"
            + random.nextInt(120, 129)
            + "']}";
  }

  private String protocol() {
    String port =
        random.nextBoolean()
            ? "{number: " + random.nextInt(80, 82) + "}"
            : "{range: {start: "
                + random.nextInt(79, 81)
                + ", end: "
                + random.nextInt(81, 83)
                + "}}";
    return "{" + one(List.of("tcp", "udp", "sctp")) + ": {destinationPort: " + port + "}}";
  }

  private <T> T one(List<T> all) {
    return all.get(random.nextInt(all.size()));
  }

  private String list(int most, Supplier<String> element) {
    List<String> elements = new ArrayList<>();
    for (int i = random.nextInt(most + 1); i > 0; i--) {
      elements.add(element.get());
    }
    return "[" + String.join(", ", elements) + "]";
  }

  private String spec() {
    String types = one(List.of("", "[Ingress]", "[Egress]", "[Ingress, Egress]"));
    return "podSelector: "
        + selector("pod", List.of("a", "b", "c"))
        + (types.isEmpty() ? "" : "\npolicyTypes: " + types)
        + "\ningress: "
        + list(2, () -> "{from: " + list(2, this::peer) + ", ports: " + list(2, this::port) + "}")
        + "\negress: "
        + list(2, () -> "{to: " + list(2, this::peer) + ", ports: " + list(2, this::port) + "}");
  }

  private String selector(String key, List<String> values) {
    return switch (random.nextInt(6)) {
      case 0 -> "{}";
      case 1 ->
          "{matchExpressions: [{key: "
              + key
              + ", operator: NotIn, values: ["
              + one(values)
              + "]}]}";
      case 2 ->
          "{matchExpressions: [{key: "
              + key
              + ", operator: In, values: ["
              + one(values)
              + ", "
              + one(values)
              + "]}]}";
      case 3 ->
          "{matchExpressions: [{key: "
              + one(List.of(key, "other"))
              + ", operator: "
              + one(List.of("Exists", "DoesNotExist"))
              + "}]}";
      default -> "{matchLabels: {" + key + ": " + one(values) + "}}";
    };
  }

  private String peer() {
    String pods = "podSelector: " + selector("pod", List.of("a", "b", "c"));
    String spaces = "namespaceSelector: " + selector("ns", namespaces);
    return switch (random.nextInt(4)) {
      case 0 -> "{" + pods + "}";
      case 1 -> "{" + spaces + "}";
      case 2 -> "{" + pods + ", " + spaces + "}";
      default -> random.nextBoolean() ? block("10.200.0.", 24) : block("fd00:200::", 120);
    };
  }

  private String block(String start, int length) {
    return "{ipBlock: {cidr: '"
        + start
        + random.nextInt(10)
        + "/"
        + (length + random.nextInt(9))
        + "', except: "
        + list(
            3, () -> "'" + start + random.nextInt(10) + "/" + (length + random.nextInt(4, 9)) + "'")
        + "}}";
  }

  private String port() {
    String protocol = one(List.of("", ", protocol: UDP", ", protocol: TCP", ", protocol: SCTP"));
    return switch (random.nextInt(4)) {
      case 0 -> "{port: " + one(List.of("serve-80-tcp", "serve-81-udp", "other")) + protocol + "}";
      case 1 ->
          "{port: "
              + (79 + random.nextInt(2))
              + ", endPort: "
              + (80 + random.nextInt(3))
              + protocol
              + "}";
      case 2 -> "{protocol: " + one(List.of("TCP", "UDP", "SCTP")) + "}";
      default -> "{port: " + (80 + random.nextInt(2)) + protocol + "}";
    };
  }
}
