// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.rules;

import dev.fairway.net.IpAddress;
import dev.fairway.reconcile.ObjectKey;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodIP;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/// Which namespaces' pods have which addresses, as far as pods are known, and which Services wanted
/// one that is another namespace's: whoever may write slices would get at pods he may not reach
/// (CVE-2021-25740).
///
/// Pods of the host network do not count, they share their node's addresses; nor do those that have
/// ended. Not for several threads, but for looking up and refusing.
final class PodAddresses {
  private final Map<IpAddress, Set<ObjectKey>> owners = new HashMap<>();
  private final Map<IpAddress, Set<ObjectKey>> refused = new HashMap<>();

  /// What each Service was not given: no longer than until it is read again.
  private final Map<ObjectKey, Set<IpAddress>> wanted = new HashMap<>();

  void clear() {
    owners.clear();
    refused.clear();
    wanted.clear();
  }

  /// Takes note of a pod.
  ///
  /// @return the addresses that are somebody else's than before
  Set<IpAddress> changed(ObjectKey key, @Nullable Pod before, @Nullable Pod after) {
    Set<IpAddress> old = addresses(before);
    Set<IpAddress> now = addresses(after);
    Set<IpAddress> changed = new HashSet<>();
    for (IpAddress address : old) {
      Set<ObjectKey> pods = owners.get(address);
      if (!now.contains(address) && pods != null && pods.contains(key)) {
        Set<ObjectKey> others = new HashSet<>(pods);
        others.remove(key);
        if (others.isEmpty()) {
          owners.remove(address);
        } else {
          owners.put(address, others);
        }
        changed.add(address);
      }
    }
    for (IpAddress address : now) {
      Set<ObjectKey> pods = owners.getOrDefault(address, Set.of());
      if (!pods.contains(key)) {
        Set<ObjectKey> more = new HashSet<>(pods);
        more.add(key);
        owners.put(address, Set.copyOf(more));
        changed.add(address);
      }
    }
    return changed;
  }

  private static Set<IpAddress> addresses(@Nullable Pod pod) {
    Set<IpAddress> addresses = new TreeSet<>();
    if (pod == null
        || pod.getStatus() == null
        || pod.getSpec() == null
        || Boolean.TRUE.equals(pod.getSpec().getHostNetwork())
        || "Succeeded".equals(pod.getStatus().getPhase())
        || "Failed".equals(pod.getStatus().getPhase())) {
      return addresses;
    }
    for (PodIP one : Objects.requireNonNullElse(pod.getStatus().getPodIPs(), List.<PodIP>of())) {
      try {
        if (one.getIp() != null) {
          addresses.add(IpAddress.parse(one.getIp()));
        }
      } catch (IllegalArgumentException e) {
        // What is no address is nobody's.
      }
    }
    return addresses;
  }

  /// Whether an address is only other namespaces' pods'.
  boolean isForeign(IpAddress address, String namespace) {
    Set<ObjectKey> pods = owners.get(address);
    return pods != null && pods.stream().noneMatch(pod -> pod.namespace().equals(namespace));
  }

  /// Remembers that a Service was not given an address. Those who read Services may be several.
  synchronized void refuse(IpAddress address, ObjectKey service) {
    refused.computeIfAbsent(address, a -> new HashSet<>()).add(service);
    wanted.computeIfAbsent(service, s -> new HashSet<>()).add(address);
  }

  /// Forgets what a Service was not given: it is read again, or gone.
  void forget(ObjectKey service) {
    Set<IpAddress> addresses = wanted.remove(service);
    if (addresses == null) {
      return;
    }
    for (IpAddress address : addresses) {
      Set<ObjectKey> others = refused.get(address);
      if (others != null && others.remove(service) && others.isEmpty()) {
        refused.remove(address);
      }
    }
  }

  /// How many addresses some Service was not given.
  int refusals() {
    return refused.size();
  }

  /// The Services that were not given an address, which are to be read again.
  Set<ObjectKey> forget(IpAddress address) {
    Set<ObjectKey> services = refused.remove(address);
    return services == null ? Set.of() : services;
  }
}
