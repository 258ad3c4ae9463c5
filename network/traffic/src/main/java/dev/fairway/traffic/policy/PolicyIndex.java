// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.policy;

import dev.fairway.net.IpAddress;
import dev.fairway.reconcile.ObjectKey;
import io.fabric8.kubernetes.api.model.Namespace;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.networking.v1.NetworkPolicy;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// The cluster's policies, pods and namespaces, and the rules of one node that follow from them.
/// What a change costs depends on what it changes, not on the size of the cluster. Not for several
/// threads.
final class PolicyIndex {
  private final String node;
  private final PolicyReader reader;
  private final Consumer<String> problems;
  private final ClusterFacts facts;
  private final Map<String, Map<ObjectKey, Policy>> policies = new HashMap<>();
  private final Map<String, ClusterPolicy> byName = new HashMap<>();
  private final SortedSet<ClusterPolicy> cluster = new TreeSet<>();
  private int policyCount;

  /// What is wrong with each ClusterNetworkPolicy, as it was told.
  private final Map<String, List<String>> clusterProblems = new HashMap<>();

  /// Pods that were connected on this node, and may not have told their addresses yet.
  private final Map<ObjectKey, Admission> admissions = new HashMap<>();

  private final Map<IpAddress, ObjectKey> admitted = new HashMap<>();

  /// Which pods' objects tell an address.
  private final Map<IpAddress, Set<ObjectKey>> tellers = new HashMap<>();

  // What follows from the above.
  private final PeerSets sets;
  private final Map<ObjectKey, List<Isolation>> isolations = new HashMap<>();
  private final Set<ObjectKey> touched = new HashSet<>();

  /// @param closed whether it may do nothing until its object is known
  private record Admission(String uid, List<IpAddress> addresses, boolean closed) {
    boolean isOf(PodFacts pod) {
      return uid.isEmpty() || uid.equals(pod.uid());
    }
  }

  private record Isolation(
      List<IpAddress> addresses, Optional<PodChains> ingress, Optional<PodChains> egress) {}

  /// @param served what the node itself serves and stands for pods, such as the cluster's DNS
  PolicyIndex(String node, List<PodFacts> served, Consumer<String> problems) {
    this.node = node;
    this.facts = new ClusterFacts(served);
    this.sets = new PeerSets(facts);
    this.reader = new PolicyReader(problems);
    this.problems = problems;
  }

  /// All but what [#setCluster] tells.
  void set(
      Collection<Namespace> allNamespaces,
      Collection<Pod> allPods,
      Collection<NetworkPolicy> allPolicies) {
    facts.clearNamespaces();
    facts.pods.clear();
    tellers.clear();
    policies.clear();
    sets.clear();
    isolations.clear();
    policyCount = byName.size();
    allNamespaces.forEach(one -> facts.namespaceChanged(one.getMetadata().getName(), one));
    for (Pod pod : allPods) {
      PodFacts.of(pod)
          .ifPresent(read -> {
            PodFacts known = known(read);
            facts.pods.put(known.key(), known);
            tells(known);
          });
    }
    for (NetworkPolicy policy : allPolicies) {
      policyChanged(ObjectKey.of(policy), policy);
    }
    touchAll();
  }

  private void touchAll() {
    touched.addAll(admissions.keySet());
    facts.pods.forEach((key, pod) -> {
      if (pod.node().equals(node)) {
        touched.add(key);
      }
    });
  }

  /// Nodes are only told where the cluster has the kind ClusterNetworkPolicy.
  void setNodes(Collection<Node> all) {
    facts.clearNodes();
    all.forEach(one -> facts.nodeChanged(one.getMetadata().getName(), NodeFacts.of(one)));
    sets.nodesChanged();
  }

  void setClusterPolicies(Collection<ClusterNetworkPolicy> all) {
    policyCount -= byName.size();
    byName.clear();
    cluster.clear();
    Set<String> names = new HashSet<>();
    all.forEach(one -> names.add(one.getMetadata().getName()));
    clusterProblems.keySet().retainAll(names);
    all.forEach(one -> clusterPolicyChanged(one.getMetadata().getName(), one));
    touchAll();
  }

  void nodeChanged(String name, @Nullable Node object) {
    if (facts.nodeChanged(name, object == null ? null : NodeFacts.of(object))) {
      sets.nodesChanged();
    }
  }

  void clusterPolicyChanged(String name, @Nullable ClusterNetworkPolicy object) {
    ClusterPolicy before = byName.remove(name);
    ClusterPolicy after = object == null ? null : read(name, object);
    if (object == null) {
      clusterProblems.remove(name);
    }
    if (before != null) {
      cluster.remove(before);
    }
    if (after != null) {
      byName.put(name, after);
      cluster.add(after);
    }
    policyCount += (after == null ? 0 : 1) - (before == null ? 0 : 1);
    if (!Objects.equals(before, after)) {
      touchAll();
    }
  }

  /// Says what is wrong with it, but not again where only its status is another.
  private @Nullable ClusterPolicy read(String name, ClusterNetworkPolicy object) {
    List<String> found = new ArrayList<>();
    ClusterPolicy read = new ClusterPolicyReader(found::add).read(object).orElse(null);
    if (!found.equals(clusterProblems.getOrDefault(name, List.of()))) {
      found.forEach(problems);
    }
    clusterProblems.put(name, found);
    return read;
  }

  boolean hasPolicies() {
    return policyCount > 0;
  }

  void namespaceChanged(String name, @Nullable Namespace namespace) {
    if (facts.namespaceChanged(name, namespace)) {
      sets.namespacesChanged();
      if (!cluster.isEmpty()) {
        touchAll();
      }
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
      for (PodFacts pod : facts.pods.values()) {
        if (isMine(pod)
            && ((before != null && before.selects(pod)) || (after != null && after.selects(pod)))) {
          touched.add(pod.key());
        }
      }
      touched.addAll(admissions.keySet());
    }
  }

  void podChanged(ObjectKey key, @Nullable Pod object) {
    Optional<PodFacts> read = object == null ? Optional.empty() : PodFacts.of(object);
    if (read.isEmpty()) {
      Admission admission = admissions.get(key);
      PodFacts before = facts.pods.get(key);
      if (admission != null && before != null && admission.isOf(before)) {
        admissions.remove(key);
        admission.addresses.forEach(address -> admitted.remove(address, key));
      }
    }
    replace(key, read.map(this::known).orElse(null));
  }

  private void replace(ObjectKey key, @Nullable PodFacts after) {
    PodFacts before = after == null ? facts.pods.remove(key) : facts.pods.put(key, after);
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
    sets.podChanged(before, after, facts.labelsOf(key.namespace()));
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
    PodFacts pod = facts.pods.get(key);
    if (pod != null) {
      replace(key, known(pod));
    }
  }

  boolean knows(ObjectKey key, String uid) {
    PodFacts pod = facts.pods.get(key);
    // Policies of the cluster choose by the labels of namespaces, too.
    boolean placed = cluster.isEmpty() || facts.knowsNamespace(key.namespace());
    return pod != null && placed && (uid.isEmpty() || uid.equals(pod.uid()));
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
    Map<String, Chain> chains = new HashMap<>();
    isolations.forEach((key, ofPod) -> {
      for (Isolation isolation : ofPod) {
        isolation.ingress.ifPresent(one -> chains.putAll(one.chains()));
        isolation.egress.ifPresent(one -> chains.putAll(one.chains()));
        PolicyRules.Isolated how =
            new PolicyRules.Isolated(
                key.namespace() + "/" + key.name(),
                isolation.ingress.map(PodChains::first),
                isolation.egress.map(PodChains::first));
        isolation.addresses.forEach(address -> isolated.put(address, how));
      }
    });
    Map<String, PeerSet> used = new HashMap<>();
    for (Chain chain : chains.values()) {
      for (Step step : chain.steps()) {
        if (!step.peers().isEmpty()) {
          used.computeIfAbsent(step.peers(), name -> Objects.requireNonNull(sets.snapshot(name)));
        }
      }
    }
    sets.retain(used.keySet());
    return new PolicyRules(isolated, chains, used);
  }

  /// A pod's own, and that of a newer pod of its name whose object is not there yet: what holds for
  /// an address stands last.
  private List<Isolation> isolations(ObjectKey key) {
    List<Isolation> isolations = new ArrayList<>();
    PodFacts pod = facts.pods.get(key);
    Admission admission = admissions.get(key);
    if (pod != null && isMine(pod) && !pod.addresses().isEmpty()) {
      Optional<PodChains> ingress = chains(Direction.INGRESS, pod);
      Optional<PodChains> egress = chains(Direction.EGRESS, pod);
      if (ingress.isPresent() || egress.isPresent()) {
        isolations.add(new Isolation(pod.addresses(), ingress, egress));
      }
    }
    if (admission != null && admission.closed && (pod == null || !admission.isOf(pod))) {
      isolations.add(
          new Isolation(
              admission.addresses,
              Optional.of(PodChains.closed(Direction.INGRESS)),
              Optional.of(PodChains.closed(Direction.EGRESS))));
    }
    return isolations;
  }

  private Optional<PodChains> chains(Direction direction, PodFacts pod) {
    Collection<Policy> own = policies.getOrDefault(pod.key().namespace(), Map.of()).values();
    return PodChains.of(direction, pod, own, cluster, facts, sets);
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
    List<Policy.Rule> rules = policy.rules(direction).orElse(List.of());
    return sets.allowed(direction, pod, rules).stream()
        .anyMatch(step -> sets.contains(step, direction.peer(packet), packet));
  }

  /// What a rule of a ClusterNetworkPolicy said.
  record Said(ClusterPolicy policy, ClusterPolicy.Rule rule) {}

  /// The first rule of a tier that means a connection of a pod.
  Optional<Said> said(Tier tier, Direction direction, PodFacts pod, Packet packet) {
    Map<String, String> labels = facts.labelsOf(pod.key().namespace());
    for (ClusterPolicy policy : cluster) {
      if (policy.tier() == tier && policy.selects(pod, labels)) {
        for (ClusterPolicy.Rule rule : policy.rules(direction)) {
          List<Step> steps = new ArrayList<>();
          sets.steps(direction, pod, policy, rule, steps::add);
          if (steps.stream()
              .anyMatch(step -> sets.contains(step, direction.peer(packet), packet))) {
            return Optional.of(new Said(policy, rule));
          }
        }
      }
    }
    return Optional.empty();
  }

  Optional<PodFacts> pod(ObjectKey key) {
    return Optional.ofNullable(facts.pods.get(key));
  }
}
