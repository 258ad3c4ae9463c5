// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

import dev.fairway.net.IpAddress;
import dev.fairway.reconcile.Change;
import dev.fairway.reconcile.ObjectKey;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodIP;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/// Whose pod has an address. Changed by one thread, asked by any. Pods on the host's network and
/// pods that have ended have no address of their own.
final class ClientPods {
  private final Map<ObjectKey, List<IpAddress>> addresses = new HashMap<>();
  private final Map<IpAddress, ObjectKey> owners = new ConcurrentHashMap<>();

  /// The namespace of the pod with that address, or null.
  @Nullable String namespace(IpAddress address) {
    ObjectKey owner = owners.get(address);
    return owner == null ? null : owner.namespace();
  }

  /// @param full whether the changes list every pod there is
  void changed(boolean full, Map<ObjectKey, Change<Pod>> changes) {
    if (full) {
      for (ObjectKey key : List.copyOf(addresses.keySet())) {
        if (!changes.containsKey(key)) {
          replace(key, List.of());
        }
      }
    }
    changes.forEach(
        (key, change) -> replace(key, change.after().map(ClientPods::own).orElse(List.of())));
  }

  private void replace(ObjectKey key, List<IpAddress> now) {
    List<IpAddress> before = now.isEmpty() ? addresses.remove(key) : addresses.put(key, now);
    for (IpAddress address : now) {
      owners.put(address, key);
    }
    if (before != null) {
      for (IpAddress address : before) {
        if (!now.contains(address)) {
          // Another pod may have it by now.
          owners.remove(address, key);
        }
      }
    }
  }

  private static List<IpAddress> own(Pod pod) {
    if (pod.getStatus() == null || Boolean.TRUE.equals(pod.getSpec().getHostNetwork())) {
      return List.of();
    }
    String phase = pod.getStatus().getPhase();
    if ("Succeeded".equals(phase) || "Failed".equals(phase)) {
      return List.of();
    }
    List<IpAddress> own = new ArrayList<>();
    for (PodIP ip : pod.getStatus().getPodIPs()) {
      try {
        own.add(IpAddress.parse(ip.getIp()));
      } catch (IllegalArgumentException e) {
        // No address, no namespace.
      }
    }
    return own;
  }
}
