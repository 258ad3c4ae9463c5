// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet;

import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.Quantity;
import io.fabric8.kubernetes.api.model.ResourceFieldSelector;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/// The downward API: what a pod may read of itself, as text.
///
/// @param addresses the pod's own, empty until its sandbox runs
record PodFields(
    Pod pod, List<String> addresses, List<String> nodeIps, long nodeMemoryBytes, int nodeCpus) {

  /// The value of a field path such as `metadata.name` or `metadata.labels['app']`.
  String field(String path) throws NotReadyException {
    var metadata = pod.getMetadata();
    return switch (path) {
      case "metadata.name" -> metadata.getName();
      case "metadata.namespace" -> metadata.getNamespace();
      case "metadata.uid" -> metadata.getUid();
      case "metadata.labels" -> lines(metadata.getLabels());
      case "metadata.annotations" -> lines(metadata.getAnnotations());
      case "spec.nodeName" -> pod.getSpec().getNodeName();
      case "spec.serviceAccountName" -> orEmpty(pod.getSpec().getServiceAccountName());
      case "spec.restartPolicy" -> orEmpty(pod.getSpec().getRestartPolicy());
      case "status.hostIP" -> nodeIps.getFirst();
      case "status.hostIPs" -> String.join(",", nodeIps);
      case "status.podIP" -> addresses.isEmpty() ? "" : addresses.getFirst();
      case "status.podIPs" -> String.join(",", addresses);
      default -> {
        Optional<String> value =
            keyed(path, "metadata.labels", metadata.getLabels())
                .or(() -> keyed(path, "metadata.annotations", metadata.getAnnotations()));
        if (value.isEmpty()) {
          throw new NotReadyException(
              "CreateContainerConfigError", "fieldRef.fieldPath '" + path + "' is not supported");
        }
        yield value.get();
      }
    };
  }

  /// A container's request or limit, divided and rounded up; a missing limit is the node's.
  String resource(ResourceFieldSelector selector, Container container) throws NotReadyException {
    String[] words = selector.getResource().split("\\.", 2);
    if (words.length != 2 || !List.of("requests", "limits").contains(words[0])) {
      throw new NotReadyException(
          "CreateContainerConfigError",
          "resourceFieldRef.resource '" + selector.getResource() + "' is not supported");
    }
    Optional<Quantity> quantity =
        words[0].equals("limits")
            ? Qos.limit(container, words[1])
            : Qos.request(container, words[1]);
    BigDecimal amount =
        quantity.map(Quantity::getNumericalAmount).orElseGet(() -> missing(words[0], words[1]));
    Quantity divisor = selector.getDivisor();
    BigDecimal by = divisor == null ? BigDecimal.ONE : divisor.getNumericalAmount();
    if (by.signum() == 0) {
      by = BigDecimal.ONE;
    }
    return amount.divide(by, 0, RoundingMode.CEILING).toPlainString();
  }

  private BigDecimal missing(String kind, String resource) {
    if (kind.equals("requests")) {
      return BigDecimal.ZERO;
    }
    return switch (resource) {
      case "cpu" -> BigDecimal.valueOf(nodeCpus);
      case "memory" -> BigDecimal.valueOf(nodeMemoryBytes);
      default -> BigDecimal.ZERO;
    };
  }

  private static Optional<String> keyed(String path, String prefix, Map<String, String> values) {
    if (!path.startsWith(prefix + "['") || !path.endsWith("']")) {
      return Optional.empty();
    }
    String key = path.substring(prefix.length() + 2, path.length() - 2);
    return Optional.of(values == null ? "" : values.getOrDefault(key, ""));
  }

  private static String lines(Map<String, String> values) {
    if (values == null) {
      return "";
    }
    StringBuilder out = new StringBuilder();
    new TreeMap<>(values)
        .forEach((key, value) -> {
          out.append(out.isEmpty() ? "" : "\n").append(key).append("=\"");
          for (int i = 0; i < value.length(); i++) {
            char c = value.charAt(i);
            switch (c) {
              case '\n' -> out.append("\\n");
              case '\t' -> out.append("\\t");
              case '\r' -> out.append("\\r");
              case '"', '\\' -> out.append('\\').append(c);
              default -> out.append(c);
            }
          }
          out.append('"');
        });
    return out.toString();
  }

  private static String orEmpty(String text) {
    return text == null ? "" : text;
  }
}
