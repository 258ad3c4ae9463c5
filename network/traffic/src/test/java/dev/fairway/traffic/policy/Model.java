// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.policy;

import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import io.fabric8.kubernetes.api.model.IntOrString;
import io.fabric8.kubernetes.api.model.LabelSelector;
import io.fabric8.kubernetes.api.model.LabelSelectorRequirement;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.networking.v1.IPBlock;
import io.fabric8.kubernetes.api.model.networking.v1.NetworkPolicy;
import io.fabric8.kubernetes.api.model.networking.v1.NetworkPolicyPeer;
import io.fabric8.kubernetes.api.model.networking.v1.NetworkPolicyPort;
import java.util.Comparator;
import java.util.List;
import java.util.Map;

/// What NetworkPolicy and ClusterNetworkPolicy mean, word by word from their API references, for
/// one connection at a time and without a thought of speed. It shares nothing with the rules but
/// the address types.
final class Model {
  private final Map<String, Map<String, String>> namespaces;
  private final Map<String, Pod> pods;
  private final List<NetworkPolicy> policies;
  private final List<ClusterNetworkPolicy> clusterPolicies;

  Model(
      Map<String, Map<String, String>> namespaces,
      Map<String, Pod> pods,
      List<NetworkPolicy> policies,
      List<ClusterNetworkPolicy> clusterPolicies) {
    this.namespaces = namespaces;
    this.pods = pods;
    this.policies = policies;
    this.clusterPolicies =
        clusterPolicies.stream()
            .sorted(
                Comparator.comparing((ClusterNetworkPolicy one) -> one.getSpec().priority())
                    .thenComparing(one -> one.getMetadata().getName()))
            .toList();
  }

  boolean allows(Probes.Probe probe) {
    if (probe.from().equals(probe.to())) {
      return true;
    }
    Pod from = pods.get(probe.from());
    Pod to = pods.get(probe.to());
    return allows(false, from, to, to, probe) && allows(true, to, from, to, probe);
  }

  private boolean allows(boolean ingress, Pod subject, Pod peer, Pod receiver, Probes.Probe probe) {
    return switch (tier("Admin", ingress, subject, peer, receiver, probe)) {
      case "Accept" -> true;
      case "Deny" -> false;
      default -> {
        boolean isolated = policies.stream().anyMatch(policy -> concerns(policy, ingress, subject));
        yield isolated
            ? allowed(ingress, subject, peer, receiver, probe)
            : !tier("Baseline", ingress, subject, peer, receiver, probe).equals("Deny");
      }
    };
  }

  /// What the first rule of the tier says that means a connection; Pass if none does.
  private String tier(
      String tier, boolean ingress, Pod subject, Pod peer, Pod receiver, Probes.Probe probe) {
    for (ClusterNetworkPolicy policy : clusterPolicies) {
      ClusterNetworkPolicy.Spec spec = policy.getSpec();
      if (tier.equals(spec.tier()) && means(spec.subject(), subject)) {
        List<ClusterNetworkPolicy.WrittenRule> rules = ingress ? spec.ingress() : spec.egress();
        for (var rule : rules == null ? List.<ClusterNetworkPolicy.WrittenRule>of() : rules) {
          if ((ingress ? rule.from() : rule.to()).stream().anyMatch(Model::isUnknown)) {
            if (!rule.action().equals("Accept")) {
              return "Deny";
            }
            continue;
          }
          if ((ingress ? rule.from() : rule.to())
                  .stream().anyMatch(one -> means(one, peer) || network(one, peer, probe.family()))
              && (rule.protocols() == null
                  || rule.protocols().stream().anyMatch(one -> protocol(one, receiver, probe)))) {
            return rule.action();
          }
        }
      }
    }
    return "Pass";
  }

  private boolean means(ClusterNetworkPolicy.WrittenPeer who, Pod pod) {
    Map<String, String> labels = namespaces.get(pod.getMetadata().getNamespace());
    if (who.namespaces() != null) {
      return matches(who.namespaces(), labels);
    }
    return who.pods() != null
        && matches(who.pods().namespaceSelector(), labels)
        && matches(who.pods().podSelector(), pod.getMetadata().getLabels());
  }

  private static boolean isUnknown(ClusterNetworkPolicy.WrittenPeer who) {
    return who.namespaces() == null && who.pods() == null && who.networks() == null;
  }

  private static boolean network(ClusterNetworkPolicy.WrittenPeer who, Pod peer, IpFamily family) {
    return who.networks() != null
        && who.networks().stream()
            .anyMatch(text -> Prefix.parse(text).contains(address(peer, family)));
  }

  private static boolean protocol(
      ClusterNetworkPolicy.WrittenProtocol one, Pod receiver, Probes.Probe probe) {
    if (one.destinationNamedPort() != null) {
      return receiver.getSpec().getContainers().stream()
          .flatMap(container -> container.getPorts().stream())
          .anyMatch(named ->
              one.destinationNamedPort().equals(named.getName())
                  && probe
                      .protocol()
                      .name()
                      .equals((named.getProtocol() == null ? "TCP" : named.getProtocol()))
                  && named.getContainerPort() == probe.port());
    }
    var ports =
        switch (probe.protocol()) {
          case TCP -> one.tcp();
          case UDP -> one.udp();
          case SCTP -> one.sctp();
        };
    if (ports == null) {
      return false;
    }
    var range = ports.destinationPort().range();
    return range == null
        ? ports.destinationPort().number() == probe.port()
        : range.start() <= probe.port() && probe.port() <= range.end();
  }

  private static boolean concerns(NetworkPolicy policy, boolean ingress, Pod subject) {
    List<String> types = policy.getSpec().getPolicyTypes();
    boolean concerns =
        types.isEmpty()
            ? ingress || !policy.getSpec().getEgress().isEmpty()
            : types.contains(ingress ? "Ingress" : "Egress");
    return concerns
        && policy.getMetadata().getNamespace().equals(subject.getMetadata().getNamespace())
        && matches(policy.getSpec().getPodSelector(), subject.getMetadata().getLabels());
  }

  private boolean allowed(
      boolean ingress, Pod subject, Pod peer, Pod receiver, Probes.Probe probe) {
    for (NetworkPolicy policy : policies) {
      if (!concerns(policy, ingress, subject)) {
        continue;
      }
      boolean allowed =
          ingress
              ? policy.getSpec().getIngress().stream()
                  .anyMatch(rule ->
                      peers(rule.getFrom(), policy, peer, probe.family())
                          && ports(rule.getPorts(), receiver, probe))
              : policy.getSpec().getEgress().stream()
                  .anyMatch(rule ->
                      peers(rule.getTo(), policy, peer, probe.family())
                          && ports(rule.getPorts(), receiver, probe));
      if (allowed) {
        return true;
      }
    }
    return false;
  }

  private boolean peers(
      List<NetworkPolicyPeer> peers, NetworkPolicy policy, Pod peer, IpFamily family) {
    return peers.isEmpty() || peers.stream().anyMatch(one -> peer(one, policy, peer, family));
  }

  private boolean peer(NetworkPolicyPeer one, NetworkPolicy policy, Pod peer, IpFamily family) {
    if (one.getIpBlock() != null) {
      return block(one.getIpBlock(), peer, family);
    }
    String namespace = peer.getMetadata().getNamespace();
    boolean there =
        one.getNamespaceSelector() == null
            ? namespace.equals(policy.getMetadata().getNamespace())
            : matches(one.getNamespaceSelector(), namespaces.get(namespace));
    return there
        && (one.getPodSelector() == null
            || matches(one.getPodSelector(), peer.getMetadata().getLabels()));
  }

  private static boolean block(IPBlock block, Pod peer, IpFamily family) {
    IpAddress address = address(peer, family);
    return Prefix.parse(block.getCidr()).contains(address)
        && block.getExcept().stream().noneMatch(text -> Prefix.parse(text).contains(address));
  }

  private static IpAddress address(Pod pod, IpFamily family) {
    return IpAddress.parse(
        pod.getStatus().getPodIPs().get(family == IpFamily.IPV4 ? 0 : 1).getIp());
  }

  private static boolean ports(List<NetworkPolicyPort> ports, Pod receiver, Probes.Probe probe) {
    return ports.isEmpty() || ports.stream().anyMatch(port -> port(port, receiver, probe));
  }

  private static boolean port(NetworkPolicyPort port, Pod receiver, Probes.Probe probe) {
    String protocol = port.getProtocol() == null ? "TCP" : port.getProtocol();
    if (!protocol.equals(probe.protocol().name())) {
      return false;
    }
    IntOrString value = port.getPort();
    if (value == null) {
      return true;
    }
    if (value.getStrVal() != null) {
      return receiver.getSpec().getContainers().stream()
          .flatMap(container -> container.getPorts().stream())
          .anyMatch(named ->
              value.getStrVal().equals(named.getName())
                  && protocol.equals(named.getProtocol() == null ? "TCP" : named.getProtocol())
                  && named.getContainerPort() == probe.port());
    }
    int last = port.getEndPort() == null ? value.getIntVal() : port.getEndPort();
    return probe.port() >= value.getIntVal() && probe.port() <= last;
  }

  private static boolean matches(LabelSelector selector, Map<String, String> labels) {
    return selector == null
        || (labels.entrySet().containsAll(selector.getMatchLabels().entrySet())
            && selector.getMatchExpressions().stream().allMatch(one -> matches(one, labels)));
  }

  private static boolean matches(LabelSelectorRequirement one, Map<String, String> labels) {
    String value = labels.get(one.getKey());
    return switch (one.getOperator()) {
      case "In" -> one.getValues().contains(String.valueOf(value));
      case "NotIn" -> !one.getValues().contains(String.valueOf(value));
      case "Exists" -> value != null;
      case "DoesNotExist" -> value == null;
      default -> throw new AssertionError(one.getOperator());
    };
  }
}
