// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.endpoints;

import dev.fairway.controllers.loop.Cluster;
import dev.fairway.controllers.objects.LabelSelectors;
import dev.fairway.reconcile.Delta;
import dev.fairway.reconcile.ObjectKey;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSlice;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/// Finds the slices that one controller made for a Service, and writes them.
final class ServiceSlices {
  private ServiceSlices() {}

  /// Hands the Services whose slices of one manager a delta concerns to `wake`.
  static void wake(Delta delta, String manager, Consumer<ObjectKey> wake) {
    delta
        .of(EndpointSlice.class)
        .values()
        .forEach(change -> {
          EndpointSlice slice = change.after().or(change::before).orElseThrow();
          Map<String, String> labels = LabelSelectors.labels(slice);
          String service = labels.get(SlicePacking.SERVICE_NAME);
          if (service != null && manager.equals(labels.get(SlicePacking.MANAGED_BY))) {
            wake.accept(new ObjectKey(slice.getMetadata().getNamespace(), service));
          }
        });
  }

  static List<EndpointSlice> slices(Cluster cluster, ObjectKey service, String manager) {
    return cluster.list(EndpointSlice.class, service.namespace()).stream()
        .filter(slice -> {
          Map<String, String> labels = LabelSelectors.labels(slice);
          return service.name().equals(labels.get(SlicePacking.SERVICE_NAME))
              && manager.equals(labels.get(SlicePacking.MANAGED_BY));
        })
        .toList();
  }

  static void take(Cluster cluster, List<SlicePacking.Step> steps) {
    for (SlicePacking.Step step : steps) {
      switch (step) {
        case SlicePacking.Step.Create(EndpointSlice slice) -> cluster.createUnlessEnding(slice);
        case SlicePacking.Step.Update(EndpointSlice slice) -> cluster.update(slice);
        case SlicePacking.Step.Delete(EndpointSlice slice) -> cluster.delete(slice);
      }
    }
  }
}
