// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.endpoints;

import dev.fairway.controllers.objects.LabelSelectors;
import dev.fairway.controllers.objects.Owners;
import dev.fairway.controllers.objects.Pods;
import dev.fairway.reconcile.Change;
import dev.fairway.reconcile.ClusterImage;
import dev.fairway.reconcile.Delta;
import dev.fairway.reconcile.ObjectKey;
import io.fabric8.kubernetes.api.model.ContainerPort;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodIP;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.ServicePort;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Consumer;

/// How a Service and its pods belong together.
final class ServicePods {
  static final String HEADLESS = "service.kubernetes.io/headless";

  private ServicePods() {}

  /// Whether its endpoints are this package's business.
  static boolean isSelecting(Service service) {
    return service.getSpec().getSelector() != null
        && !service.getSpec().getSelector().isEmpty()
        && !"ExternalName".equals(service.getSpec().getType());
  }

  static boolean selects(Service service, Pod pod) {
    return isSelecting(service)
        && service.getMetadata().getNamespace().equals(pod.getMetadata().getNamespace())
        && LabelSelectors.matchesAll(service.getSpec().getSelector(), LabelSelectors.labels(pod));
  }

  static boolean isHeadless(Service service) {
    return "None".equals(service.getSpec().getClusterIP());
  }

  static boolean publishesNotReady(Service service) {
    return Boolean.TRUE.equals(service.getSpec().getPublishNotReadyAddresses());
  }

  static List<ServicePort> ports(Service service) {
    return Objects.requireNonNullElse(service.getSpec().getPorts(), List.of());
  }

  /// The families a Service is offered in, `IPv4` or `IPv6`.
  static List<String> families(Service service) {
    List<String> families = service.getSpec().getIpFamilies();
    if (families != null && !families.isEmpty()) {
      return families;
    }
    String address = service.getSpec().getClusterIP();
    return List.of((address != null && address.contains(":")) ? "IPv6" : "IPv4");
  }

  /// The pod's address of a family, if it has one and has not ended.
  static Optional<String> address(Pod pod, String family) {
    if (Pods.isTerminal(pod) || pod.getStatus() == null || pod.getStatus().getPodIP() == null) {
      return Optional.empty();
    }
    boolean six = family.equals("IPv6");
    List<PodIP> all = pod.getStatus().getPodIPs();
    if (all != null) {
      for (PodIP each : all) {
        if (each.getIp() != null && each.getIp().contains(":") == six) {
          return Optional.of(each.getIp());
        }
      }
    }
    return Optional.of(pod.getStatus().getPodIP())
        .filter(ip -> !ip.isEmpty() && ip.contains(":") == six);
  }

  /// The pod's port that a Service port leads to; empty if it names one the pod does not have.
  static Optional<Integer> target(ServicePort port, Pod pod) {
    if (port.getTargetPort() == null || port.getTargetPort().getValue() == null) {
      return Optional.of(port.getPort());
    }
    if (port.getTargetPort().getIntVal() != null) {
      int number = port.getTargetPort().getIntVal();
      return Optional.of(number == 0 ? port.getPort() : number);
    }
    String name = port.getTargetPort().getStrVal();
    String protocol = protocol(port);
    for (var container : pod.getSpec().getContainers()) {
      if (container.getPorts() != null) {
        for (ContainerPort each : container.getPorts()) {
          if (name.equals(each.getName())
              && protocol.equals(Objects.requireNonNullElse(each.getProtocol(), "TCP"))) {
            return Optional.of(each.getContainerPort());
          }
        }
      }
    }
    return Optional.empty();
  }

  static String protocol(ServicePort port) {
    return Objects.requireNonNullElse(port.getProtocol(), "TCP");
  }

  /// The pod's name in DNS, if it is one of this Service's.
  static Optional<String> hostname(Service service, Pod pod) {
    String hostname = pod.getSpec().getHostname();
    boolean ours = service.getMetadata().getName().equals(pod.getSpec().getSubdomain());
    return (ours && hostname != null && !hostname.isEmpty())
        ? Optional.of(hostname)
        : Optional.empty();
  }

  /// Hands the Services that a delta concerns to `wake`.
  static void wake(Delta delta, ClusterImage image, Consumer<ObjectKey> wake) {
    delta.of(Service.class).keySet().forEach(wake);
    for (Change<Pod> change : delta.of(Pod.class).values()) {
      if (matters(change)) {
        for (Service service : image.all(Service.class)) {
          if (change.before().filter(pod -> selects(service, pod)).isPresent()
              || change.after().filter(pod -> selects(service, pod)).isPresent()) {
            wake.accept(ObjectKey.of(service));
          }
        }
      }
    }
  }

  /// Most writes to a pod change nothing that endpoints show.
  private static boolean matters(Change<Pod> change) {
    if (change.before().isEmpty() || change.after().isEmpty()) {
      return true;
    }
    return !shown(change.before().get()).equals(shown(change.after().get()));
  }

  private static List<Object> shown(Pod pod) {
    return List.of(
        pod.getMetadata().getUid(),
        LabelSelectors.labels(pod),
        Pods.isReady(pod),
        Pods.isTerminal(pod),
        Owners.isBeingDeleted(pod),
        Objects.requireNonNullElse(pod.getSpec().getNodeName(), ""),
        (pod.getStatus() == null || pod.getStatus().getPodIPs() == null)
            ? List.of()
            : pod.getStatus().getPodIPs(),
        (pod.getStatus() == null || pod.getStatus().getPodIP() == null)
            ? ""
            : pod.getStatus().getPodIP());
  }

  /// The Service's labels without those that these objects give their own meaning.
  static Map<String, String> labels(Service service) {
    Map<String, String> labels = new java.util.HashMap<>(LabelSelectors.labels(service));
    labels.remove(HEADLESS);
    if (isHeadless(service)) {
      labels.put(HEADLESS, "");
    }
    return labels;
  }
}
