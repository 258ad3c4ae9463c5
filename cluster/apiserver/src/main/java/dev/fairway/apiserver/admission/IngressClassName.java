// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.admission;

import dev.fairway.apimachinery.Trees;
import dev.fairway.apiserver.registry.Lookup;
import java.util.List;
import tools.jackson.databind.node.ObjectNode;

/// Gives Ingresses that name no class the marked IngressClass.
final class IngressClassName implements AdmissionStep {
  private static final List<String> MARKS = List.of("ingressclass.kubernetes.io/is-default-class");

  private final Lookup lookup;

  IngressClassName(Lookup lookup) {
    this.lookup = lookup;
  }

  @Override
  public String name() {
    return "DefaultIngressClass";
  }

  @Override
  public void admit(Admission admission) {
    if (!admission.creates("networking.k8s.io", "Ingress")) {
      return;
    }
    ObjectNode spec = Trees.child(admission.object(), "spec");
    boolean named =
        spec.get("ingressClassName") != null
            || Trees.at(
                    admission.object(), "metadata", "annotations", "kubernetes.io/ingress.class")
                != null;
    if (!named) {
      MarkedClass.find(lookup, "networking.k8s.io", "IngressClass", MARKS)
          .ifPresent(name -> spec.put("ingressClassName", name));
    }
  }
}
