// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.endpoints;

import dev.fairway.controllers.objects.LabelSelectors;
import io.fabric8.kubernetes.api.model.ObjectMeta;
import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.fabric8.kubernetes.api.model.discovery.v1.Endpoint;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointPort;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointPortBuilder;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSlice;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSliceBuilder;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;

/// Gets from the slices that are there to the endpoints that are wanted with few writes. Pure.
///
/// Endpoints stay in the slice they are in. New ones fill slices with room, then slices that would
/// be deleted, then new slices.
final class SlicePacking {
  static final String SERVICE_NAME = "kubernetes.io/service-name";
  static final String MANAGED_BY = "endpointslice.kubernetes.io/managed-by";
  static final int MOST_A_SLICE = 100;

  /// When the oldest change that a write carries happened, for who measures the way from there to
  /// the packets. It alone is no reason to write.
  static final String TRIGGER_TIME = "endpoints.kubernetes.io/last-change-trigger-time";

  /// One thing to do.
  sealed interface Step {
    record Create(EndpointSlice slice) implements Step {}

    record Update(EndpointSlice slice) implements Step {}

    record Delete(EndpointSlice slice) implements Step {}
  }

  /// What the endpoints of one slice have in common.
  ///
  /// @param family `IPv4` or `IPv6`
  record Group(String family, List<EndpointPort> ports) {}

  private final ObjectMeta common;
  private final Function<Endpoint, String> identity;
  private final List<Step> steps = new ArrayList<>();

  private SlicePacking(ObjectMeta common, Function<Endpoint, String> identity) {
    this.common = common;
    this.identity = identity;
  }

  /// @param common what new slices have; labels and annotations are those of each slice
  /// @param identity what makes an endpoint of a slice and one that is wanted the same
  /// @param wanted at least one group a family that is wanted, which may be empty: one slice
  ///   without endpoints tells "none" apart from "not yet looked at"
  /// @param present the slices that are ours
  static List<Step> steps(
      ObjectMeta common,
      Function<Endpoint, String> identity,
      Map<Group, Map<String, Endpoint>> wanted,
      Collection<EndpointSlice> present) {
    SlicePacking packing = new SlicePacking(common, identity);
    Map<String, Deque<EndpointSlice>> spare = new HashMap<>();
    Map<Group, List<EndpointSlice>> byGroup = new HashMap<>();
    for (EndpointSlice slice : present) {
      Group group = new Group(slice.getAddressType(), ports(slice));
      if (wanted.containsKey(group)) {
        byGroup.computeIfAbsent(group, g -> new ArrayList<>()).add(slice);
      } else {
        spare.computeIfAbsent(group.family, f -> new ArrayDeque<>()).add(slice);
      }
    }
    wanted.forEach((group, endpoints) ->
        packing.group(
            group,
            endpoints,
            byGroup.getOrDefault(group, List.of()),
            spare.computeIfAbsent(group.family, f -> new ArrayDeque<>())));
    spare.values().forEach(rest -> rest.forEach(each -> packing.steps.add(new Step.Delete(each))));
    return packing.steps;
  }

  private static List<EndpointPort> ports(EndpointSlice slice) {
    if (slice.getPorts() == null) {
      return List.of();
    }
    // An empty name may come back as none.
    return slice.getPorts().stream()
        .map(port ->
            port.getName() == null ? new EndpointPortBuilder(port).withName("").build() : port)
        .toList();
  }

  private void group(
      Group group,
      Map<String, Endpoint> endpoints,
      List<EndpointSlice> present,
      Deque<EndpointSlice> spare) {
    Map<String, Endpoint> homeless = new LinkedHashMap<>(endpoints);
    Map<EndpointSlice, List<Endpoint>> contents = new LinkedHashMap<>();
    for (EndpointSlice slice : present) {
      List<Endpoint> kept = new ArrayList<>();
      for (Endpoint each : Objects.requireNonNullElse(slice.getEndpoints(), List.<Endpoint>of())) {
        String key = identity.apply(each);
        Endpoint now = homeless.remove(key);
        if (now != null && kept.size() < MOST_A_SLICE) {
          kept.add(now);
        } else if (now != null) {
          homeless.put(key, now);
        }
      }
      contents.put(slice, kept);
    }
    Deque<Endpoint> rest = new ArrayDeque<>(homeless.values());
    contents.values().forEach(kept -> fill(kept, rest));
    boolean needsOne = endpoints.isEmpty();
    for (Map.Entry<EndpointSlice, List<Endpoint>> each : contents.entrySet()) {
      if (each.getValue().isEmpty() && !needsOne) {
        spare.add(each.getKey());
      } else {
        needsOne = false;
        update(group, each.getKey(), each.getValue());
      }
    }
    while (!rest.isEmpty() || needsOne) {
      needsOne = false;
      List<Endpoint> content = new ArrayList<>();
      fill(content, rest);
      if (spare.isEmpty()) {
        steps.add(new Step.Create(create(group, content)));
      } else {
        update(group, spare.remove(), content);
      }
    }
  }

  private static void fill(List<Endpoint> content, Deque<Endpoint> rest) {
    while (content.size() < MOST_A_SLICE && !rest.isEmpty()) {
      content.add(rest.remove());
    }
  }

  private void update(Group group, EndpointSlice slice, List<Endpoint> endpoints) {
    if (ports(slice).equals(group.ports)
        && Objects.requireNonNullElse(slice.getEndpoints(), List.of()).equals(endpoints)
        && LabelSelectors.labels(slice).equals(common.getLabels())
        && untimed(LabelSelectors.annotations(slice)).equals(untimed(common.getAnnotations()))) {
      return;
    }
    steps.add(
        new Step.Update(
            new EndpointSliceBuilder(slice)
                .editMetadata()
                .withLabels(common.getLabels())
                .withAnnotations(common.getAnnotations())
                .endMetadata()
                .withEndpoints(endpoints)
                .withPorts(group.ports)
                .build()));
  }

  private static Map<String, String> untimed(Map<String, String> annotations) {
    Map<String, String> rest = new HashMap<>(annotations);
    rest.remove(TRIGGER_TIME);
    return rest;
  }

  private EndpointSlice create(Group group, List<Endpoint> endpoints) {
    return new EndpointSliceBuilder()
        .withMetadata(new ObjectMetaBuilder(common).build())
        .withAddressType(group.family)
        .withEndpoints(endpoints)
        .withPorts(group.ports)
        .build();
  }
}
