// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.policy;

import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Protocol;
import dev.fairway.reconcile.ObjectKey;
import io.fabric8.kubernetes.api.model.Namespace;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.networking.v1.NetworkPolicy;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/// Whether one pod may connect to another, and which policies say so: asked of the cluster's
/// objects, so for pods of any node.
public final class Why {
  private final PolicyIndex index;
  private final List<String> problems = new ArrayList<>();

  /// Takes the cluster as it is.
  ///
  /// @param served what nodes serve in the place of pods
  public Why(
      Collection<Namespace> namespaces,
      Collection<Pod> pods,
      Collection<NetworkPolicy> policies,
      Collection<ClusterNetworkPolicy> clusterPolicies,
      Collection<Node> nodes,
      List<PolicyConfig.Served> served) {
    index = new PolicyIndex("", PolicyDatapath.facts(served), problems::add);
    index.set(namespaces, pods, policies);
    index.setNodes(nodes);
    index.setClusterPolicies(clusterPolicies);
  }

  /// Asks an API server for all it needs.
  public static Why of(KubernetesClient client, List<PolicyConfig.Served> served) {
    List<ClusterNetworkPolicy> clusterPolicies = ClusterPolicies.list(client);
    return new Why(
        client.namespaces().list().getItems(),
        client.pods().inAnyNamespace().list().getItems(),
        client.network().v1().networkPolicies().inAnyNamespace().list().getItems(),
        clusterPolicies,
        clusterPolicies.isEmpty() ? List.of() : client.nodes().list().getItems(),
        served);
  }

  /// What is decided at one end.
  ///
  /// @param end whose policies are asked
  /// @param allows whether they allow the connection
  /// @param said which policies say what, in the order in which they are asked
  public record Side(String end, boolean allows, List<String> said) {
    public Side {
      said = List.copyOf(said);
    }
  }

  /// What is decided, and why.
  ///
  /// @param itself whether the two are one pod
  /// @param problems policies that cannot be read
  public record Answer(
      String question, Side egress, Side ingress, boolean itself, List<String> problems) {
    /// Whether the connection may be.
    public boolean allowed() {
      return itself || (egress.allows && ingress.allows);
    }

    /// For people.
    public String text() {
      StringBuilder text = new StringBuilder();
      text.append(question).append(allowed() ? ": allowed\n" : ": dropped\n");
      if (itself) {
        return text.append("  a pod may always reach itself\n").toString();
      }
      describe(text, "egress", egress);
      describe(text, "ingress", ingress);
      problems.forEach(problem -> text.append("  ").append(problem).append('\n'));
      return text.toString();
    }

    private static void describe(StringBuilder text, String word, Side side) {
      text.append("  ").append(word).append(" of ").append(side.end).append(": ");
      text.append(String.join("; ", side.said)).append('\n');
    }
  }

  /// Asks about one connection.
  ///
  /// @param from a pod `namespace/name`, or an address
  /// @param to likewise
  /// @throws IllegalArgumentException if there is no such pod, or it has no address
  public Answer ask(String from, String to, Protocol protocol, int port) {
    for (IpFamily family : IpFamily.values()) {
      Optional<Answer> answer = ask(from, to, family, protocol, port);
      if (answer.isPresent()) {
        return answer.get();
      }
    }
    throw new IllegalArgumentException(from + " and " + to + " have no addresses of one family");
  }

  /// The same of one family; empty if not both have addresses of it.
  Optional<Answer> ask(String from, String to, IpFamily family, Protocol protocol, int port) {
    Optional<PodFacts> sender = pod(from);
    Optional<PodFacts> receiver = pod(to);
    Optional<IpAddress> source = of(family, addresses(from, sender));
    Optional<IpAddress> destination = of(family, addresses(to, receiver));
    if (source.isEmpty() || destination.isEmpty()) {
      return Optional.empty();
    }
    Packet packet = new Packet(source.get(), destination.get(), protocol, port);
    return Optional.of(
        new Answer(
            from + " -> " + to + " " + protocol.name().toLowerCase(Locale.ROOT) + " " + port,
            side(Direction.EGRESS, from, sender, packet),
            side(Direction.INGRESS, to, receiver, packet),
            source.equals(destination),
            problems));
  }

  private static Optional<IpAddress> of(IpFamily family, List<IpAddress> addresses) {
    return addresses.stream().filter(address -> address.family() == family).findFirst();
  }

  private Optional<PodFacts> pod(String end) {
    int slash = end.indexOf('/');
    return slash < 0
        ? Optional.empty()
        : index.pod(new ObjectKey(end.substring(0, slash), end.substring(slash + 1)));
  }

  private static List<IpAddress> addresses(String end, Optional<PodFacts> pod) {
    if (pod.isPresent()) {
      if (pod.get().addresses().isEmpty()) {
        throw new IllegalArgumentException("pod " + end + " has no address yet");
      }
      return pod.get().addresses();
    }
    if (end.indexOf('/') >= 0) {
      throw new IllegalArgumentException(
          "there is no pod " + end + " with a network of its own that has not ended");
    }
    return List.of(IpAddress.parse(end));
  }

  private Side side(Direction direction, String end, Optional<PodFacts> pod, Packet packet) {
    if (pod.isEmpty()) {
      return new Side(end, true, List.of("no policy isolates it"));
    }
    List<String> said = new ArrayList<>();
    Optional<Action> admin = ask(Tier.ADMIN, direction, pod.get(), packet, said);
    if (admin.isPresent() && admin.get() != Action.PASS) {
      return new Side(end, admin.get() == Action.ACCEPT, said);
    }
    List<Policy> isolating = index.isolating(direction, pod.get());
    if (!isolating.isEmpty()) {
      List<String> allowing =
          isolating.stream()
              .filter(policy -> index.allows(policy, direction, pod.get(), packet))
              .map(Policy::toString)
              .toList();
      said.add(
          allowing.isEmpty()
              ? "isolated by "
                  + String.join(", ", isolating.stream().map(Policy::toString).toList())
                  + ", and none of them allows it"
              : "allowed by " + String.join(", ", allowing));
      return new Side(end, !allowing.isEmpty(), said);
    }
    Optional<Action> baseline = ask(Tier.BASELINE, direction, pod.get(), packet, said);
    if (baseline.isEmpty()) {
      said.add("no policy isolates it");
    }
    return new Side(end, !baseline.equals(Optional.of(Action.DENY)), said);
  }

  private Optional<Action> ask(
      Tier tier, Direction direction, PodFacts pod, Packet packet, List<String> said) {
    Optional<PolicyIndex.Said> found = index.said(tier, direction, pod, packet);
    found.ifPresent(one -> {
      String what =
          switch (one.rule().action()) {
            case ACCEPT -> "accepted";
            case DENY -> "denied";
            case PASS -> "passed on";
          };
      said.add(what + " by " + one.policy() + ", rule " + one.rule().name());
    });
    return found.map(one -> one.rule().action());
  }
}
