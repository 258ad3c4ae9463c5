// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.policy;

import dev.fairway.net.IpAddress;
import dev.fairway.reconcile.ObjectKey;
import io.fabric8.kubernetes.api.model.Namespace;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.networking.v1.NetworkPolicy;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// The cluster's policies, pods and namespaces, and the rules of one node that follow from them.
/// What a change costs depends on what it changes, not on the size of the cluster. Not for several
/// threads.
final class PolicyIndex {
  /// The label that every namespace has of itself.
  private static final String NAME_LABEL = "kubernetes.io/metadata.name";

  private final String node;
  private final List<PodFacts> served;
  private final PolicyReader reader;
  private final Map<String, Map<String, String>> namespaces = new HashMap<>();
  private final Map<ObjectKey, PodFacts> pods = new HashMap<>();
  private final Map<String, Map<ObjectKey, Policy>> policies = new HashMap<>();
  private int policyCount;

  /// Pods that were connected on this node, and may not have told their addresses yet.
  private final Map<ObjectKey, Admission> admissions = new HashMap<>();

  private final Map<IpAddress, ObjectKey> admitted = new HashMap<>();

  /// Which pods' objects tell an address.
  private final Map<IpAddress, Set<ObjectKey>> tellers = new HashMap<>();

  // What follows from the above.
  private final Map<String, LiveSet> sets = new HashMap<>();
  private final Map<ObjectKey, List<Isolation>> isolations = new HashMap<>();
  private final Set<ObjectKey> touched = new HashSet<>();

  /// @param closed whether it may do nothing until its object is known
  private record Admission(String uid, List<IpAddress> addresses, boolean closed) {
    boolean isOf(PodFacts pod) {
      return uid.isEmpty() || uid.equals(pod.uid());
    }
  }

  /// @param ingress the chain's name and content, if it is isolated so
  private record Isolation(
      List<IpAddress> addresses, Optional<Chain> ingress, Optional<Chain> egress) {}

  private record Chain(String name, List<Allow> allows) {}

  /// @param served what the node itself serves and stands for pods, such as the cluster's DNS
  PolicyIndex(String node, List<PodFacts> served, Consumer<String> problems) {
    this.node = node;
    this.served = List.copyOf(served);
    this.reader = new PolicyReader(problems);
  }

  void set(
      Collection<Namespace> allNamespaces,
      Collection<Pod> allPods,
      Collection<NetworkPolicy> allPolicies) {
    namespaces.clear();
    pods.clear();
    tellers.clear();
    policies.clear();
    sets.clear();
    isolations.clear();
    policyCount = 0;
    allNamespaces.forEach(one -> namespaces.put(one.getMetadata().getName(), labels(one)));
    for (Pod pod : allPods) {
      PodFacts.of(pod)
          .ifPresent(facts -> {
            PodFacts known = known(facts);
            pods.put(known.key(), known);
            tells(known);
          });
    }
    for (NetworkPolicy policy : allPolicies) {
      policyChanged(ObjectKey.of(policy), policy);
    }
    touched.addAll(admissions.keySet());
    pods.forEach((key, facts) -> {
      if (facts.node().equals(node)) {
        touched.add(key);
      }
    });
  }

  boolean hasPolicies() {
    return policyCount > 0;
  }

  private static Map<String, String> labels(Namespace namespace) {
    Map<String, String> labels =
        new HashMap<>(Objects.requireNonNullElse(namespace.getMetadata().getLabels(), Map.of()));
    labels.putIfAbsent(NAME_LABEL, namespace.getMetadata().getName());
    return Map.copyOf(labels);
  }

  private Map<String, String> labelsOf(String namespace) {
    Map<String, String> labels = namespaces.get(namespace);
    return labels == null ? Map.of(NAME_LABEL, namespace) : labels;
  }

  void namespaceChanged(String name, @Nullable Namespace namespace) {
    Map<String, String> before = labelsOf(name);
    if (namespace == null) {
      namespaces.remove(name);
    } else {
      namespaces.put(name, labels(namespace));
    }
    if (!before.equals(labelsOf(name))) {
      sets.values().stream().filter(LiveSet::followsNamespaces).forEach(this::fill);
    }
  }

  void policyChanged(ObjectKey key, @Nullable NetworkPolicy object) {
    Map<ObjectKey, Policy> ofNamespace =
        policies.computeIfAbsent(key.namespace(), namespace -> new HashMap<>());
    Policy before = ofNamespace.remove(key);
    Policy after = object == null ? null : reader.read(object);
    if (after != null) {
      ofNamespace.put(key, after);
    }
    if (ofNamespace.isEmpty()) {
      policies.remove(key.namespace());
    }
    policyCount += (after == null ? 0 : 1) - (before == null ? 0 : 1);
    if (!Objects.equals(before, after)) {
      for (PodFacts pod : pods.values()) {
        if (isMine(pod)
            && ((before != null && before.selects(pod)) || (after != null && after.selects(pod)))) {
          touched.add(pod.key());
        }
      }
      touched.addAll(admissions.keySet());
    }
  }

  void podChanged(ObjectKey key, @Nullable Pod object) {
    Optional<PodFacts> facts = object == null ? Optional.empty() : PodFacts.of(object);
    if (facts.isEmpty()) {
      Admission admission = admissions.get(key);
      PodFacts before = pods.get(key);
      if (admission != null && before != null && admission.isOf(before)) {
        admissions.remove(key);
        admission.addresses.forEach(address -> admitted.remove(address, key));
      }
    }
    replace(key, facts.map(this::known).orElse(null));
  }

  private void replace(ObjectKey key, @Nullable PodFacts after) {
    PodFacts before = after == null ? pods.remove(key) : pods.put(key, after);
    if (Objects.equals(before, after)) {
      return;
    }
    if (before != null) {
      for (IpAddress address : before.addresses()) {
        tellers.computeIfPresent(
            address, (same, keys) -> keys.remove(key) && keys.isEmpty() ? null : keys);
      }
    }
    if (after != null) {
      tells(after);
    }
    Map<String, String> labels = labelsOf(key.namespace());
    for (LiveSet set : sets.values()) {
      if (before != null) {
        set.remove(before, labels);
      }
      if (after != null) {
        set.add(after, labels);
      }
    }
    if (isolations.containsKey(key) || (after != null && isMine(after))) {
      touched.add(key);
    }
  }

  private void tells(PodFacts pod) {
    for (IpAddress address : pod.addresses()) {
      tellers.computeIfAbsent(address, absent -> new HashSet<>()).add(pod.key());
    }
  }

  private boolean isMine(PodFacts pod) {
    return pod.node().equals(node) || admissions.containsKey(pod.key());
  }

  /// A pod's addresses are those it was connected with, and nobody else's, whatever older objects
  /// still tell.
  private PodFacts known(PodFacts pod) {
    Admission admission = admissions.get(pod.key());
    if (admission != null && admission.isOf(pod)) {
      return pod.with(admission.addresses);
    }
    List<IpAddress> own =
        pod.addresses().stream()
            .filter(address -> admitted.getOrDefault(address, pod.key()).equals(pod.key()))
            .toList();
    return own.equals(pod.addresses()) ? pod : pod.with(own);
  }

  /// A pod is being connected on this node. It keeps what it was connected with before, such as by
  /// another interface.
  void admit(ObjectKey key, String uid, List<IpAddress> addresses) {
    Admission earlier = admissions.remove(key);
    Set<IpAddress> all = new LinkedHashSet<>();
    boolean closed = false;
    if (earlier != null && earlier.uid.equals(uid)) {
      all.addAll(earlier.addresses);
      closed = earlier.closed;
    } else if (earlier != null) {
      earlier.addresses.forEach(address -> admitted.remove(address, key));
    }
    all.addAll(addresses);
    for (IpAddress address : addresses) {
      ObjectKey before = admitted.put(address, key);
      if (before != null && !before.equals(key)) {
        take(before, address);
      }
    }
    admissions.put(key, new Admission(uid, List.copyOf(all), closed));
    touched.add(key);
    Set<ObjectKey> concerned = new HashSet<>(Set.of(key));
    addresses.forEach(address -> concerned.addAll(tellers.getOrDefault(address, Set.of())));
    concerned.forEach(this::know);
  }

  /// A pod on this node does not have these addresses any more.
  void leave(ObjectKey key, List<IpAddress> addresses) {
    for (IpAddress address : addresses) {
      if (admitted.remove(address, key)) {
        take(key, address);
      }
    }
    know(key);
  }

  private void take(ObjectKey key, IpAddress address) {
    admissions.computeIfPresent(
        key,
        (same, admission) -> {
          List<IpAddress> rest =
              admission.addresses.stream().filter(one -> !one.equals(address)).toList();
          return rest.isEmpty() ? null : new Admission(admission.uid, rest, admission.closed);
        });
    touched.add(key);
  }

  private void know(ObjectKey key) {
    PodFacts pod = pods.get(key);
    if (pod != null) {
      replace(key, known(pod));
    }
  }

  boolean knows(ObjectKey key, String uid) {
    PodFacts pod = pods.get(key);
    return pod != null && (uid.isEmpty() || uid.equals(pod.uid()));
  }

  /// Nothing is known of a pod that is being connected, so it may do nothing until then.
  void closed(ObjectKey key) {
    admissions.computeIfPresent(
        key, (same, admission) -> new Admission(admission.uid, admission.addresses, true));
    touched.add(key);
  }

  /// The rules as they are to be now.
  PolicyRules refresh() {
    for (ObjectKey key : touched) {
      List<Isolation> ofPod = isolations(key);
      if (ofPod.isEmpty()) {
        isolations.remove(key);
      } else {
        isolations.put(key, ofPod);
      }
    }
    touched.clear();
    Map<IpAddress, PolicyRules.Isolated> isolated = new HashMap<>();
    Map<String, List<Allow>> chains = new HashMap<>();
    isolations.forEach((key, ofPod) -> {
      for (Isolation isolation : ofPod) {
        isolation.ingress.ifPresent(chain -> chains.putIfAbsent(chain.name, chain.allows));
        isolation.egress.ifPresent(chain -> chains.putIfAbsent(chain.name, chain.allows));
        PolicyRules.Isolated how =
            new PolicyRules.Isolated(
                key.namespace() + "/" + key.name(),
                isolation.ingress.map(Chain::name),
                isolation.egress.map(Chain::name));
        isolation.addresses.forEach(address -> isolated.put(address, how));
      }
    });
    Map<String, PeerSet> used = new HashMap<>();
    for (List<Allow> allows : chains.values()) {
      for (Allow allow : allows) {
        LiveSet set = sets.get(allow.peers());
        if (set != null) {
          used.computeIfAbsent(allow.peers(), name -> set.snapshot());
        }
      }
    }
    sets.keySet().retainAll(used.keySet());
    return new PolicyRules(isolated, chains, used);
  }

  /// A pod's own, and that of a newer pod of its name whose object is not there yet: what holds for
  /// an address stands last.
  private List<Isolation> isolations(ObjectKey key) {
    List<Isolation> isolations = new ArrayList<>();
    PodFacts pod = pods.get(key);
    Admission admission = admissions.get(key);
    if (pod != null && isMine(pod) && !pod.addresses().isEmpty()) {
      Optional<Chain> ingress = chain(Direction.INGRESS, pod);
      Optional<Chain> egress = chain(Direction.EGRESS, pod);
      if (ingress.isPresent() || egress.isPresent()) {
        isolations.add(new Isolation(pod.addresses(), ingress, egress));
      }
    }
    if (admission != null && admission.closed && (pod == null || !admission.isOf(pod))) {
      isolations.add(
          new Isolation(
              admission.addresses,
              Optional.of(chain(Direction.INGRESS, List.of())),
              Optional.of(chain(Direction.EGRESS, List.of()))));
    }
    return isolations;
  }

  private Optional<Chain> chain(Direction direction, PodFacts pod) {
    Set<Allow> allows = new TreeSet<>();
    boolean isolates = false;
    for (Policy policy : policies.getOrDefault(pod.key().namespace(), Map.of()).values()) {
      Optional<List<Policy.Rule>> rules = policy.rules(direction);
      if (rules.isPresent() && policy.selects(pod)) {
        isolates = true;
        rules.get().forEach(rule -> allow(direction, pod, rule, allows));
      }
    }
    return isolates ? Optional.of(chain(direction, List.copyOf(allows))) : Optional.empty();
  }

  private static Chain chain(Direction direction, List<Allow> allows) {
    return new Chain(direction.word() + "-" + digest(allows.toString()), allows);
  }

  private void allow(Direction direction, PodFacts pod, Policy.Rule rule, Set<Allow> allows) {
    for (Ports ports : rule.ports()) {
      for (Peer peer : rule.peers()) {
        switch (ports) {
          case Ports.Named named when direction == Direction.EGRESS ->
              allows.add(new Allow(set(peer, Optional.of(named)), ports));
          case Ports.Named named -> {
            for (int number : pod.numbers(named)) {
              allows.add(
                  new Allow(
                      set(peer, Optional.empty()),
                      new Ports.Range(named.protocol(), number, number)));
            }
          }
          case Ports.All _, Ports.Range _ ->
              allows.add(new Allow(set(peer, Optional.empty()), ports));
        }
      }
    }
  }

  /// The name of a set that is kept from now on, empty for anyone.
  private String set(Peer peer, Optional<Ports.Named> port) {
    if (peer instanceof Peer.Anyone && port.isEmpty()) {
      return "";
    }
    String kind = port.isPresent() ? "ports-" : peer instanceof Peer.Block ? "block-" : "pods-";
    String name = kind + digest(peer + port.map(one -> " " + one).orElse(""));
    sets.computeIfAbsent(
        name,
        absent -> {
          LiveSet set = new LiveSet(peer, port);
          fill(set);
          return set;
        });
    return name;
  }

  private void fill(LiveSet set) {
    set.clear();
    served.forEach(pod -> set.add(pod, labelsOf(pod.key().namespace())));
    pods.values().forEach(pod -> set.add(pod, labelsOf(pod.key().namespace())));
  }

  /// The policies that isolate a pod of any node in one direction.
  List<Policy> isolating(Direction direction, PodFacts pod) {
    return policies.getOrDefault(pod.key().namespace(), Map.of()).values().stream()
        .filter(policy -> policy.rules(direction).isPresent() && policy.selects(pod))
        .sorted((a, b) -> a.toString().compareTo(b.toString()))
        .toList();
  }

  /// Whether a policy by itself allows a connection of a pod.
  boolean allows(Policy policy, Direction direction, PodFacts pod, Packet packet) {
    IpAddress address = direction == Direction.INGRESS ? packet.source() : packet.destination();
    Set<Allow> allows = new TreeSet<>();
    policy.rules(direction).orElse(List.of()).forEach(rule -> allow(direction, pod, rule, allows));
    return allows.stream()
        .anyMatch(allow ->
            allow.ports().covers(packet)
                && (allow.peers().isEmpty()
                    || Objects.requireNonNull(sets.get(allow.peers()))
                        .snapshot()
                        .contains(address, packet.port())));
  }

  Optional<PodFacts> pod(ObjectKey key) {
    return Optional.ofNullable(pods.get(key));
  }

  /// Names in the kernel say the same on every node and after a restart.
  private static String digest(String text) {
    try {
      byte[] hash =
          MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
      return HexFormat.of().formatHex(hash, 0, 8);
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e); // every Java has it
    }
  }
}
