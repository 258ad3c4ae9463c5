// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.policy;

import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Protocol;
import dev.fairway.reconcile.ObjectKey;
import io.fabric8.kubernetes.api.model.Namespace;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.networking.v1.NetworkPolicy;
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
      List<PolicyConfig.Served> served) {
    index = new PolicyIndex("", PolicyDatapath.facts(served), problems::add);
    index.set(namespaces, pods, policies);
  }

  /// What is decided at one end.
  ///
  /// @param end whose policies are asked
  /// @param isolating the policies that select it
  /// @param allowing those of them that allow the connection
  public record Side(String end, List<String> isolating, List<String> allowing) {
    public Side {
      isolating = List.copyOf(isolating);
      allowing = List.copyOf(allowing);
    }

    boolean allows() {
      return isolating.isEmpty() || !allowing.isEmpty();
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
      return itself || (egress.allows() && ingress.allows());
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
      if (side.isolating.isEmpty()) {
        text.append("no policy isolates it\n");
      } else if (side.allowing.isEmpty()) {
        text.append("isolated by ")
            .append(String.join(", ", side.isolating))
            .append(", and none of them allows it\n");
      } else {
        text.append("allowed by ").append(String.join(", ", side.allowing)).append('\n');
      }
    }
  }

  /// Asks about one connection.
  ///
  /// @param from a pod `namespace/name`, or an address
  /// @param to likewise
  /// @throws IllegalArgumentException if there is no such pod, or it has no address
  public Answer ask(String from, String to, Protocol protocol, int port) {
    Optional<PodFacts> sender = pod(from);
    Optional<PodFacts> receiver = pod(to);
    List<IpAddress> sources = addresses(from, sender);
    List<IpAddress> destinations = addresses(to, receiver);
    for (IpFamily family : IpFamily.values()) {
      Optional<IpAddress> source = of(family, sources);
      Optional<IpAddress> destination = of(family, destinations);
      if (source.isPresent() && destination.isPresent()) {
        Packet packet = new Packet(source.get(), destination.get(), protocol, port);
        return new Answer(
            from + " -> " + to + " " + protocol.name().toLowerCase(Locale.ROOT) + " " + port,
            side(Direction.EGRESS, from, sender, packet),
            side(Direction.INGRESS, to, receiver, packet),
            source.equals(destination),
            problems);
      }
    }
    throw new IllegalArgumentException(from + " and " + to + " have no addresses of one family");
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
      return new Side(end, List.of(), List.of());
    }
    List<Policy> isolating = index.isolating(direction, pod.get());
    return new Side(
        end,
        isolating.stream().map(Policy::toString).toList(),
        isolating.stream()
            .filter(policy -> index.allows(policy, direction, pod.get(), packet))
            .map(Policy::toString)
            .toList());
  }
}
