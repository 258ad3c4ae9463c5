// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.endpoints;

import dev.fairway.controllers.objects.LabelSelectors;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.Quantity;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.discovery.v1.Endpoint;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointHintsBuilder;
import io.fabric8.kubernetes.api.model.discovery.v1.ForNode;
import io.fabric8.kubernetes.api.model.discovery.v1.ForZone;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;

/// Which zone or node each endpoint is meant for. Pure.
///
/// `spec.trafficDistribution` keeps traffic in its zone (KEP-4444) or on its node (KEP-3015),
/// however uneven the load becomes. The annotation `service.kubernetes.io/topology-mode: Auto`
/// (KEP-2433), which goes first, shares endpoints out by the CPUs of each zone, and gives no hints
/// where a zone would get a fifth more load than its share. The sharing is done anew each time, in
/// the order of the endpoints, so it depends on nothing but what is there.
final class TopologyHints {
  static final String ZONE = "topology.kubernetes.io/zone";
  private static final double OVERLOAD = 0.2;
  private static final List<String> MODES =
      List.of(
          "service.kubernetes.io/topology-aware-hints", // the older name goes first
          "service.kubernetes.io/topology-mode");
  private static final List<String> NOT_WORKERS =
      List.of("node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master");

  private TopologyHints() {}

  /// Sets the hints of endpoints of one family, which have none yet.
  ///
  /// @param nodes all of the cluster
  static void give(Service service, List<Endpoint> endpoints, Collection<Node> nodes) {
    List<Endpoint> ready =
        endpoints.stream()
            .filter(each -> Boolean.TRUE.equals(each.getConditions().getReady()))
            .toList();
    String wish = Objects.requireNonNullElse(service.getSpec().getTrafficDistribution(), "");
    if (isAuto(service)) {
      share(ready, shares(nodes));
    } else if (List.of("PreferClose", "PreferSameZone", "PreferSameNode").contains(wish)) {
      ready.forEach(each -> stayNear(each, wish.equals("PreferSameNode")));
    }
  }

  static String zone(Node node) {
    return LabelSelectors.labels(node).getOrDefault(ZONE, "");
  }

  /// What a node adds to its zone, in CPUs; nothing if it takes no pods now.
  static BigDecimal capacity(Node node) {
    Map<String, String> labels = LabelSelectors.labels(node);
    boolean works = NOT_WORKERS.stream().noneMatch(labels::containsKey) && isReady(node);
    return works ? cpu(node) : BigDecimal.ZERO;
  }

  static boolean isAuto(Service service) {
    Map<String, String> annotations = LabelSelectors.annotations(service);
    for (String mode : MODES) {
      String value = annotations.get(mode);
      if (value != null) {
        return value.equals("Auto") || value.equals("auto");
      }
    }
    return false;
  }

  private static void stayNear(Endpoint endpoint, boolean sameNode) {
    EndpointHintsBuilder hints = new EndpointHintsBuilder();
    if (endpoint.getZone() != null) {
      hints.withForZones(new ForZone(endpoint.getZone()));
    }
    if (sameNode && endpoint.getNodeName() != null) {
      hints.withForNodes(new ForNode(endpoint.getNodeName()));
    }
    if (hints.hasForZones() || hints.hasForNodes()) {
      endpoint.setHints(hints.build());
    }
  }

  /// Each zone's part of all CPUs; empty if there are not two zones, or a node's is not known.
  static Map<String, Double> shares(Collection<Node> nodes) {
    Map<String, BigDecimal> cpus = new TreeMap<>();
    for (Node node : nodes) {
      Map<String, String> labels = LabelSelectors.labels(node);
      if (NOT_WORKERS.stream().anyMatch(labels::containsKey) || !isReady(node)) {
        continue;
      }
      String zone = zone(node);
      BigDecimal cpu = cpu(node);
      if (zone.isEmpty() || cpu.signum() == 0) {
        return Map.of();
      }
      cpus.merge(zone, cpu, BigDecimal::add);
    }
    double total = cpus.values().stream().mapToDouble(BigDecimal::doubleValue).sum();
    Map<String, Double> shares = new TreeMap<>();
    if (cpus.size() > 1) {
      cpus.forEach((zone, cpu) -> shares.put(zone, cpu.doubleValue() / total));
    }
    return shares;
  }

  private static boolean isReady(Node node) {
    return node.getStatus() != null
        && node.getStatus().getConditions() != null
        && node.getStatus().getConditions().stream()
            .anyMatch(each -> "Ready".equals(each.getType()) && "True".equals(each.getStatus()));
  }

  private static BigDecimal cpu(Node node) {
    Map<String, Quantity> allocatable = node.getStatus().getAllocatable();
    Quantity cpu = allocatable == null ? null : allocatable.get("cpu");
    return cpu == null ? BigDecimal.ZERO : cpu.getNumericalAmount();
  }

  private static void share(List<Endpoint> ready, Map<String, Double> shares) {
    if (shares.isEmpty()
        || shares.size() > ready.size()
        || ready.stream().anyMatch(each -> each.getZone() == null || each.getZone().isEmpty())) {
      return;
    }
    Map<String, Double> surplus = new TreeMap<>();
    int least = 0;
    for (Map.Entry<String, Double> share : shares.entrySet()) {
      double fair = share.getValue() * ready.size();
      int minimum = (int) Math.ceil(fair / (1 + OVERLOAD));
      least += minimum;
      surplus.put(share.getKey(), -Math.max(fair, minimum));
    }
    if (least > ready.size()) {
      return;
    }
    ready.forEach(each -> surplus.merge(each.getZone(), 1.0, Double::sum));
    Map<String, List<String>> gifts = gifts(surplus);
    for (Endpoint each : ready) {
      List<String> takers = gifts.getOrDefault(each.getZone(), List.of());
      String zone = takers.isEmpty() ? each.getZone() : takers.removeFirst();
      each.setHints(new EndpointHintsBuilder().withForZones(new ForZone(zone)).build());
    }
  }

  /// For each zone with too many endpoints, the zones that get some of them.
  private static Map<String, List<String>> gifts(Map<String, Double> surplus) {
    Map<String, List<String>> gifts = new TreeMap<>();
    while (true) {
      Map.Entry<String, Double> most = null;
      Map.Entry<String, Double> fewest = null;
      for (Map.Entry<String, Double> each : surplus.entrySet()) {
        most = most == null || each.getValue() > most.getValue() ? each : most;
        fewest = fewest == null || each.getValue() < fewest.getValue() ? each : fewest;
      }
      if (most == null || fewest == null) {
        return gifts;
      }
      double gives = most.getValue();
      double takes = -fewest.getValue();
      // An endpoint is worth moving if that makes both nearer to their share, one by a whole.
      if (gives < 0.5 || takes < 0.5 || (gives < 1 && takes < 1)) {
        return gifts;
      }
      gifts.computeIfAbsent(most.getKey(), zone -> new ArrayList<>()).add(fewest.getKey());
      most.setValue(gives - 1);
      fewest.setValue(1 - takes);
    }
  }
}
