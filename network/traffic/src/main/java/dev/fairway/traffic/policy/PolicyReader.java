// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.policy;

import dev.fairway.net.Prefix;
import dev.fairway.net.Protocol;
import dev.fairway.reconcile.ObjectKey;
import io.fabric8.kubernetes.api.model.IntOrString;
import io.fabric8.kubernetes.api.model.LabelSelector;
import io.fabric8.kubernetes.api.model.networking.v1.IPBlock;
import io.fabric8.kubernetes.api.model.networking.v1.NetworkPolicy;
import io.fabric8.kubernetes.api.model.networking.v1.NetworkPolicyEgressRule;
import io.fabric8.kubernetes.api.model.networking.v1.NetworkPolicyIngressRule;
import io.fabric8.kubernetes.api.model.networking.v1.NetworkPolicyPeer;
import io.fabric8.kubernetes.api.model.networking.v1.NetworkPolicyPort;
import io.fabric8.kubernetes.api.model.networking.v1.NetworkPolicySpec;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// Understands NetworkPolicy objects. Pure.
///
/// What the API would refuse allows nothing: a bad peer, port or rule is left out, and the others
/// of the policy count. Each is told with its field.
final class PolicyReader {
  private final Consumer<String> problems;

  PolicyReader(Consumer<String> problems) {
    this.problems = problems;
  }

  Policy read(NetworkPolicy object) {
    ObjectKey key = ObjectKey.of(object);
    NetworkPolicySpec spec = object.getSpec() == null ? new NetworkPolicySpec() : object.getSpec();
    Optional<Selector> pods = selector(object, "spec.podSelector", spec.getPodSelector());
    List<NetworkPolicyIngressRule> ingress =
        Objects.requireNonNullElse(spec.getIngress(), List.of());
    List<NetworkPolicyEgressRule> egress = Objects.requireNonNullElse(spec.getEgress(), List.of());
    List<String> types = Objects.requireNonNullElse(spec.getPolicyTypes(), List.of());
    boolean isolatesIngress = types.isEmpty();
    boolean isolatesEgress = types.isEmpty() && !egress.isEmpty();
    for (int i = 0; i < types.size(); i++) {
      switch (types.get(i)) {
        case "Ingress" -> isolatesIngress = true;
        case "Egress" -> isolatesEgress = true;
        case null, default -> {
          problem(
              object,
              "spec.policyTypes[" + i + "]",
              "\"" + types.get(i) + "\" is not Ingress or Egress");
          isolatesIngress = true;
          isolatesEgress = true;
        }
      }
    }
    List<Policy.Rule> in = new ArrayList<>();
    for (int i = 0; i < ingress.size(); i++) {
      String field = "spec.ingress[" + i + "]";
      NetworkPolicyIngressRule one = ingress.get(i);
      if (isThere(object, field, one)) {
        rule(object, field, "from", one.getFrom(), one.getPorts()).ifPresent(in::add);
      }
    }
    List<Policy.Rule> out = new ArrayList<>();
    for (int i = 0; i < egress.size(); i++) {
      String field = "spec.egress[" + i + "]";
      NetworkPolicyEgressRule one = egress.get(i);
      if (isThere(object, field, one)) {
        rule(object, field, "to", one.getTo(), one.getPorts()).ifPresent(out::add);
      }
    }
    if (pods.isEmpty()) { // nobody knows whom it is to isolate
      in.clear();
      out.clear();
    }
    return new Policy(
        key,
        pods.orElse(Selector.EVERY),
        isolatesIngress ? Optional.of(in) : Optional.empty(),
        isolatesEgress ? Optional.of(out) : Optional.empty());
  }

  private boolean isThere(NetworkPolicy object, String field, @Nullable Object written) {
    if (written == null) {
      problem(object, field, "is null");
    }
    return written != null;
  }

  private Optional<Policy.Rule> rule(
      NetworkPolicy object,
      String field,
      String peersField,
      @Nullable List<NetworkPolicyPeer> peers,
      @Nullable List<NetworkPolicyPort> ports) {
    List<Peer> readPeers = new ArrayList<>();
    if (peers == null || peers.isEmpty()) {
      readPeers.add(new Peer.Anyone());
    } else {
      for (int i = 0; i < peers.size(); i++) {
        String place = field + "." + peersField + "[" + i + "]";
        if (isThere(object, place, peers.get(i))) {
          peer(object, place, peers.get(i)).ifPresent(readPeers::add);
        }
      }
    }
    List<Ports> readPorts = new ArrayList<>();
    if (ports == null || ports.isEmpty()) {
      readPorts.add(new Ports.All());
    } else {
      for (int i = 0; i < ports.size(); i++) {
        String place = field + ".ports[" + i + "]";
        if (isThere(object, place, ports.get(i))) {
          ports(object, place, ports.get(i)).ifPresent(readPorts::add);
        }
      }
    }
    return readPeers.isEmpty() || readPorts.isEmpty()
        ? Optional.empty()
        : Optional.of(new Policy.Rule(readPeers, readPorts));
  }

  private Optional<Peer> peer(NetworkPolicy object, String field, NetworkPolicyPeer peer) {
    LabelSelector namespaces = peer.getNamespaceSelector();
    LabelSelector pods = peer.getPodSelector();
    IPBlock block = peer.getIpBlock();
    if (block != null) {
      if (namespaces != null || pods != null) {
        problem(object, field, "has ipBlock and selectors; give one of them");
        return Optional.empty();
      }
      return block(object, field + ".ipBlock", block);
    }
    if (namespaces == null && pods == null) {
      problem(object, field, "is empty; give ipBlock, namespaceSelector or podSelector");
      return Optional.empty();
    }
    Optional<Selector> ofNamespaces = selector(object, field + ".namespaceSelector", namespaces);
    Optional<Selector> ofPods = selector(object, field + ".podSelector", pods);
    if (ofNamespaces.isEmpty() || ofPods.isEmpty()) {
      return Optional.empty();
    }
    Optional<String> own =
        namespaces == null ? Optional.of(object.getMetadata().getNamespace()) : Optional.empty();
    return Optional.of(new Peer.Pods(own, ofNamespaces.get(), ofPods.get()));
  }

  private Optional<Peer> block(NetworkPolicy object, String field, IPBlock block) {
    Optional<Prefix> range = prefix(object, field + ".cidr", block.getCidr());
    if (range.isEmpty()) {
      return Optional.empty();
    }
    List<Prefix> except = new ArrayList<>();
    List<String> texts = Objects.requireNonNullElse(block.getExcept(), List.of());
    for (int i = 0; i < texts.size(); i++) {
      String place = field + ".except[" + i + "]";
      Optional<Prefix> one = prefix(object, place, texts.get(i));
      if (one.isEmpty() || one.get().family() != range.get().family()) {
        if (one.isPresent()) {
          problem(object, place, one.get() + " is not in " + range.get());
        }
        return Optional.empty(); // what it should spare is not known
      }
      except.add(one.get());
    }
    return Optional.of(new Peer.Block(range.get(), except));
  }

  private Optional<Ports> ports(NetworkPolicy object, String field, NetworkPolicyPort port) {
    Optional<Protocol> protocol = protocol(port.getProtocol());
    if (protocol.isEmpty()) {
      problem(
          object, field + ".protocol", "\"" + port.getProtocol() + "\" is not TCP, UDP or SCTP");
      return Optional.empty();
    }
    IntOrString value = port.getPort();
    Integer end = port.getEndPort();
    if (value == null || value.getValue() == null) {
      if (end != null) {
        problem(object, field + ".endPort", end + " has no port to begin at");
        return Optional.empty();
      }
      return Optional.of(Ports.Range.every(protocol.get()));
    }
    if (value.getStrVal() != null) {
      if (end != null || value.getStrVal().isEmpty()) {
        problem(
            object,
            field + ".port",
            "\"" + value.getStrVal() + "\" is a name; endPort needs a number");
        return Optional.empty();
      }
      return Optional.of(new Ports.Named(protocol.get(), value.getStrVal()));
    }
    int first = value.getIntVal();
    int last = end == null ? first : end;
    if (first < 1 || last > 65535 || last < first) {
      problem(
          object,
          field + ".port",
          first + (end == null ? "" : " to " + end) + " is not from 1 to 65535");
      return Optional.empty();
    }
    return Optional.of(new Ports.Range(protocol.get(), first, last));
  }

  static Optional<Protocol> protocol(@Nullable String text) {
    return switch (text) {
      case null -> Optional.of(Protocol.TCP);
      case "TCP" -> Optional.of(Protocol.TCP);
      case "UDP" -> Optional.of(Protocol.UDP);
      case "SCTP" -> Optional.of(Protocol.SCTP);
      default -> Optional.empty();
    };
  }

  private Optional<Selector> selector(
      NetworkPolicy object, String field, @Nullable LabelSelector selector) {
    try {
      return Optional.of(selector == null ? Selector.EVERY : Selector.of(selector));
    } catch (IllegalArgumentException e) {
      problem(object, field, String.valueOf(e.getMessage()));
      return Optional.empty();
    }
  }

  private Optional<Prefix> prefix(NetworkPolicy object, String field, @Nullable String text) {
    try {
      return Optional.of(Prefix.parse(text == null ? "" : text));
    } catch (IllegalArgumentException e) {
      problem(object, field, String.valueOf(e.getMessage()));
      return Optional.empty();
    }
  }

  private void problem(NetworkPolicy object, String field, String what) {
    problems.accept(
        "NetworkPolicy "
            + object.getMetadata().getNamespace()
            + "/"
            + object.getMetadata().getName()
            + ": "
            + field
            + ": "
            + what
            + "; it allows nothing");
  }
}
