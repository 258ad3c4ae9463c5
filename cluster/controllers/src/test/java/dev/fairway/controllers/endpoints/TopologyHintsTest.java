// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.endpoints;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.controllers.Objects;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.discovery.v1.Endpoint;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointBuilder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TopologyHintsTest {
  private static final String AUTO =
      "metadata: {annotations: {service.kubernetes.io/topology-mode: Auto}}";

  private static Service service(String fields) {
    return Objects.read(Service.class, "apiVersion: v1\nkind: Service\n" + fields + "\n");
  }

  private static Service wishing(String distribution) {
    return service("metadata: {}\nspec: {trafficDistribution: " + distribution + "}");
  }

  private static Service auto() {
    return service(AUTO + "\nspec: {trafficDistribution: PreferSameNode}");
  }

  /// @param text `zone=CPUs`, one a node; `!` before it is a node that is not ready, `#` a
  ///   controller
  private static List<Node> nodes(String text) {
    return Arrays.stream(text.split(" "))
        .filter(each -> !each.isEmpty())
        .map(each -> {
          String[] parts = each.replaceAll("[!#]", "").split("=");
          return Objects.read(
              Node.class,
              """
              apiVersion: v1
              kind: Node
              metadata: {name: n, labels: {topology.kubernetes.io/zone: "%s" %s}}
              status:
                allocatable: {cpu: %s}
                conditions: [{type: Ready, status: '%s'}]
              """
                  .formatted(
                      parts[0],
                      each.startsWith("#") ? ", node-role.kubernetes.io/control-plane: ''" : "",
                      parts[1],
                      each.startsWith("!") ? "False" : "True"));
        })
        .toList();
  }

  /// @param text one zone an endpoint; `-` before it is one that is not ready, `?` is no zone
  private static List<Endpoint> endpoints(String text) {
    List<Endpoint> all = new ArrayList<>();
    for (String each : text.split(" ")) {
      String zone = each.replace("-", "");
      all.add(
          new EndpointBuilder()
              .withAddresses("10.200.0." + all.size())
              .withNewConditions()
              .withReady(!each.startsWith("-"))
              .endConditions()
              .withZone(zone.equals("?") ? null : zone)
              .withNodeName("node-" + all.size())
              .build());
    }
    return all;
  }

  private static String hints(Service service, String endpoints, String nodes) {
    List<Endpoint> all = endpoints(endpoints);
    TopologyHints.give(service, all, nodes(nodes));
    return all.stream().map(TopologyHintsTest::text).collect(Collectors.joining(" "));
  }

  private static String text(Endpoint endpoint) {
    if (endpoint.getHints() == null) {
      return "none";
    }
    String zones =
        endpoint.getHints().getForZones().stream()
            .map(zone -> zone.getName())
            .collect(Collectors.joining(","));
    String nodes =
        endpoint.getHints().getForNodes().stream()
            .map(node -> "@" + node.getName())
            .collect(Collectors.joining(","));
    return zones + nodes;
  }

  @ParameterizedTest
  @CsvSource({
    "PreferClose, a b -a, a b none",
    "PreferSameZone, a b -a ?, a b none none",
    "PreferSameNode, a -b ?, a@node-0 none @node-2",
    "Nothing, a b, none none",
  })
  void theFieldKeepsTrafficNear(String wish, String endpoints, String hints) {
    assertThat(hints(wishing(wish), endpoints, "")).isEqualTo(hints);
  }

  @ParameterizedTest
  @CsvSource({
    // even shares, even pods
    "a a b b, a=1 b=1, a a b b",
    // all pods in one zone: half of them serve the other
    "a a a a, a=1 b=1, b b a a",
    // shares follow the CPUs of ready workers
    "a a a a, a=3 b=1 !b=9 #b=9, b a a a",
    // who is not ready is not counted
    "a -a b, a=1 b=1, a none b",
    // three pods for two zones: one zone would be overloaded
    "a a b, a=1 b=1, none none none",
    // fewer pods than zones, one zone, a node and a pod without a zone
    "a b, a=1 b=1 c=1, none none",
    "a a, a=1, none none",
    "a b, a=1 b=1 =1, none none",
    "a b ?, a=1 b=1, none none none",
  })
  void theAnnotationSharesByProcessors(String endpoints, String nodes, String hints) {
    assertThat(hints(auto(), endpoints, nodes)).isEqualTo(hints);
  }
}
