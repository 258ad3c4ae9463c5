// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.admission;

import dev.fairway.apimachinery.Trees;
import dev.fairway.apiserver.admission.Admission.Operation;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// Lets a node say of itself only what a node may say: not the labels by which others choose it for
/// what it must not have, not its taints, and no pods but copies of those it runs by itself.
final class NodeRestriction implements AdmissionStep {
  private static final String MIRROR = "kubernetes.io/config.mirror";
  private static final Set<String> OWN_LABELS =
      Set.of(
          "kubernetes.io/hostname",
          "kubernetes.io/arch",
          "kubernetes.io/os",
          "beta.kubernetes.io/arch",
          "beta.kubernetes.io/os",
          "beta.kubernetes.io/instance-type",
          "node.kubernetes.io/instance-type",
          "failure-domain.beta.kubernetes.io/zone",
          "failure-domain.beta.kubernetes.io/region",
          "failure-domain.kubernetes.io/zone",
          "failure-domain.kubernetes.io/region",
          "topology.kubernetes.io/zone",
          "topology.kubernetes.io/region");

  @Override
  public String name() {
    return "NodeRestriction";
  }

  @Override
  public boolean judges(Admission admission) {
    return admission.operation() != Operation.DELETE && admission.identity().node().isPresent();
  }

  @Override
  public void admit(Admission admission) {
    String node = admission.identity().node().orElse("");
    if (admission.kind().is("", "Node") && admission.subresource().isEmpty()) {
      node(admission, node);
    } else if (admission.creates("", "Pod") && admission.subresource().isEmpty()) {
      pod(admission, node);
    } else if (admission.kind().is("", "Pod") && admission.subresource().equals("status")) {
      ObjectNode old = admission.old();
      if (old != null && !labels(old).equals(labels(admission.object()))) {
        throw admission.forbidden("node \"" + node + "\" cannot update labels through pod status");
      }
    }
  }

  private static JsonNode labels(JsonNode object) {
    return object.path("metadata").path("labels");
  }

  private static void node(Admission admission, String node) {
    String subject = "node \"" + node + "\" is not allowed to ";
    if (!admission.name().equals(node)) {
      throw admission.forbidden(subject + "modify node \"" + admission.name() + "\"");
    }
    ObjectNode old = admission.old();
    Set<String> forbidden = forbidden(admission.object(), old);
    if (!forbidden.isEmpty()) {
      throw admission.forbidden(
          subject
              + (old == null ? "set the following labels: " : "modify labels: ")
              + String.join(", ", forbidden));
    }
    if (old != null
        && !old.path("spec")
            .path("taints")
            .equals(admission.object().path("spec").path("taints"))) {
      throw admission.forbidden(subject + "modify taints");
    }
  }

  /// Kubernetes' own labels that are not the node's, as far as they are new or changed.
  private static Set<String> forbidden(JsonNode now, @Nullable JsonNode before) {
    Set<String> names = new TreeSet<>();
    labels(now).properties().forEach(label -> names.add(label.getKey()));
    if (before != null) {
      labels(before).properties().forEach(label -> names.add(label.getKey()));
      names.removeIf(name -> labels(now).path(name).equals(labels(before).path(name)));
    }
    names.removeIf(NodeRestriction::isNodes);
    return names;
  }

  private static boolean isNodes(String label) {
    int slash = label.indexOf('/');
    String domain = slash < 0 ? "" : label.substring(0, slash);
    if (isIn(domain, "node-restriction.kubernetes.io")) {
      return false;
    }
    boolean reserved = isIn(domain, "kubernetes.io") || isIn(domain, "k8s.io");
    return !reserved
        || OWN_LABELS.contains(label)
        || isIn(domain, "kubelet.kubernetes.io")
        || isIn(domain, "node.kubernetes.io");
  }

  private static boolean isIn(String domain, String parent) {
    return domain.equals(parent) || domain.endsWith("." + parent);
  }

  private static void pod(Admission admission, String node) {
    JsonNode pod = admission.object();
    if (Trees.at(pod, "metadata", "annotations", MIRROR) == null) {
      throw admission.forbidden(
          "pod does not have \""
              + MIRROR
              + "\" annotation, node \""
              + node
              + "\" can only create mirror pods");
    }
    if (!Trees.text(pod, "spec", "nodeName").equals(node)) {
      throw admission.forbidden(
          "node \"" + node + "\" can only create pods with spec.nodeName set to itself");
    }
    if (!Trees.text(pod, "spec", "serviceAccountName").isEmpty()) {
      throw admission.forbidden(
          "node \"" + node + "\" can not create pods that reference a service account");
    }
  }
}
