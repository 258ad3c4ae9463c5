// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.admission;

import dev.fairway.apimachinery.StatusException;
import dev.fairway.apimachinery.Trees;
import dev.fairway.apiserver.admission.Admission.Operation;
import dev.fairway.apiserver.registry.Lookup;
import dev.fairway.apiserver.registry.Registry;
import tools.jackson.databind.node.ObjectNode;

/// Nothing new in a namespace that is not there or on its way out.
final class NamespaceLifecycle implements AdmissionStep {
  private final Lookup lookup;

  NamespaceLifecycle(Lookup lookup) {
    this.lookup = lookup;
  }

  @Override
  public String name() {
    return "NamespaceLifecycle";
  }

  @Override
  public void admit(Admission admission) {
    if (admission.operation() != Operation.CREATE || !admission.kind().namespaced()) {
      return;
    }
    String name = admission.namespace();
    ObjectNode namespace = lookup.get("", "Namespace", "", name);
    if (namespace == null) {
      throw StatusException.notFound(Registry.builtin("", "Namespace"), name);
    }
    if (Trees.at(namespace, "metadata", "deletionTimestamp") != null) {
      throw StatusException.forbidden(
          admission.kind(),
          Trees.text(admission.object(), "metadata", "name"),
          "unable to create new content in namespace " + name + " because it is being terminated");
    }
  }
}
