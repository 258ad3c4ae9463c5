// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

import dev.fairway.reconcile.Change;
import dev.fairway.reconcile.ClusterImage;
import dev.fairway.reconcile.Delta;
import dev.fairway.reconcile.ObjectKey;
import dev.fairway.reconcile.Subscriber;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSlice;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Turns Services and EndpointSlices into zones: rebuilds the records of the Services a delta
/// touches and nothing else. Used by one thread; [#zone] may be read by any.
final class ZoneFollower implements Subscriber {
  private static final Logger LOG = LoggerFactory.getLogger(ZoneFollower.class);

  /// Names the Service an EndpointSlice belongs to.
  private static final String SERVICE_LABEL = "kubernetes.io/service-name";

  private final Name services;
  private final int ttlSeconds;
  private final ClientPods clients;
  private final List<Zone.Contribution> fixed;
  private final Map<ObjectKey, Service> known = new HashMap<>();
  private final Map<ObjectKey, Map<ObjectKey, EndpointSlice>> slices = new HashMap<>();
  private final Map<ObjectKey, Zone.Contribution> contributions = new HashMap<>();
  private volatile @Nullable Zone zone;

  ZoneFollower(Name services, int ttlSeconds, List<Zone.Contribution> fixed, ClientPods clients) {
    this.clients = clients;
    this.services = services;
    this.ttlSeconds = ttlSeconds;
    this.fixed = fixed;
  }

  /// The newest zone, null before the first one.
  @Nullable Zone zone() {
    return zone;
  }

  @Override
  public void changed(Delta delta, ClusterImage image) {
    if (delta.touches(Pod.class)) {
      changedPods(delta.full(), delta.of(Pod.class));
    }
    changed(delta.full(), delta.of(Service.class), delta.of(EndpointSlice.class));
  }

  /// @param full whether the changes list every pod there is
  void changedPods(boolean full, Map<ObjectKey, Change<Pod>> changes) {
    clients.changed(full, changes);
  }

  /// @param full whether the changes list everything there is
  void changed(
      boolean full,
      Map<ObjectKey, Change<Service>> serviceChanges,
      Map<ObjectKey, Change<EndpointSlice>> sliceChanges) {
    Set<ObjectKey> touched = new HashSet<>();
    if (full) {
      touched.addAll(known.keySet());
      known.clear();
      slices.clear();
    }
    serviceChanges.forEach((key, change) -> {
      touched.add(key);
      change.after().ifPresentOrElse(after -> known.put(key, after), () -> known.remove(key));
    });
    sliceChanges.forEach((key, change) -> takeSlice(key, change, touched));
    Zone before = zone;
    List<Zone.Contribution> removed = new ArrayList<>();
    List<Zone.Contribution> added = new ArrayList<>();
    if (before == null) {
      added.addAll(fixed);
    }
    for (ObjectKey key : touched) {
      update(key, removed, added);
    }
    if (!added.isEmpty() || !removed.isEmpty()) {
      long seconds = System.currentTimeMillis() / 1000;
      zone = (before == null ? Zone.EMPTY : before).with(removed, added, seconds);
    }
  }

  private void takeSlice(ObjectKey key, Change<EndpointSlice> change, Set<ObjectKey> touched) {
    change
        .before()
        .flatMap(ZoneFollower::serviceOf)
        .ifPresent(service -> {
          touched.add(service);
          Map<ObjectKey, EndpointSlice> ofService = slices.get(service);
          if (ofService != null) {
            ofService.remove(key);
            if (ofService.isEmpty()) {
              slices.remove(service);
            }
          }
        });
    change
        .after()
        .ifPresent(slice ->
            serviceOf(slice)
                .ifPresent(service -> {
                  touched.add(service);
                  slices.computeIfAbsent(service, _ -> new HashMap<>()).put(key, slice);
                }));
  }

  private void update(
      ObjectKey key, List<Zone.Contribution> removed, List<Zone.Contribution> added) {
    Service service = known.get(key);
    Zone.Contribution before = contributions.get(key);
    Zone.Contribution after = service == null ? null : contribution(key, service);
    if (before != null && before.equals(after)) {
      return;
    }
    if (before != null) {
      contributions.remove(key);
      removed.add(before);
    }
    if (after != null) {
      contributions.put(key, after);
      added.add(after);
    }
  }

  /// One Service that cannot be named must not cost the others their names.
  private Zone.@Nullable Contribution contribution(ObjectKey key, Service service) {
    try {
      return ServiceRecords.of(
          services, ttlSeconds, service, slices.getOrDefault(key, Map.of()).values());
    } catch (IllegalArgumentException e) {
      LOG.warn("Service {} gets no DNS names: {}", key, e.getMessage());
      return null;
    }
  }

  private static Optional<ObjectKey> serviceOf(EndpointSlice slice) {
    Map<String, String> labels = slice.getMetadata().getLabels();
    String service = labels == null ? null : labels.get(SERVICE_LABEL);
    return service == null
        ? Optional.empty()
        : Optional.of(new ObjectKey(slice.getMetadata().getNamespace(), service));
  }
}
