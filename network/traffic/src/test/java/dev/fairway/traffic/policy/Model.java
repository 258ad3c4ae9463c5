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
import java.util.List;
import java.util.Map;

/// What NetworkPolicy means, word by word from its API reference, for one connection at a time and
/// without a thought of speed. It shares nothing with the rules but the address types.
final class Model {
  private final Map<String, Map<String, String>> namespaces;
  private final Map<String, Pod> pods;
  private final List<NetworkPolicy> policies;

  Model(
      Map<String, Map<String, String>> namespaces,
      Map<String, Pod> pods,
      List<NetworkPolicy> policies) {
    this.namespaces = namespaces;
    this.pods = pods;
    this.policies = policies;
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
    boolean isolated = false;
    for (NetworkPolicy policy : policies) {
      List<String> types = policy.getSpec().getPolicyTypes();
      boolean concerns =
          types.isEmpty()
              ? ingress || !policy.getSpec().getEgress().isEmpty()
              : types.contains(ingress ? "Ingress" : "Egress");
      if (!concerns
          || !policy.getMetadata().getNamespace().equals(subject.getMetadata().getNamespace())
          || !matches(policy.getSpec().getPodSelector(), subject.getMetadata().getLabels())) {
        continue;
      }
      isolated = true;
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
    return !isolated;
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
    IpAddress address =
        IpAddress.parse(peer.getStatus().getPodIPs().get(family == IpFamily.IPV4 ? 0 : 1).getIp());
    return Prefix.parse(block.getCidr()).contains(address)
        && block.getExcept().stream().noneMatch(text -> Prefix.parse(text).contains(address));
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
