// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.admission;

import dev.fairway.apiserver.admission.Admission.Operation;

/// One rule every write passes.
interface AdmissionStep {
  /// Upstream's name of it, where upstream has it.
  String name();

  /// Whether it has a say; most judge whole objects that are made or changed.
  default boolean judges(Admission admission) {
    return admission.subresource().isEmpty() && admission.operation() != Operation.DELETE;
  }

  /// Whether users say what it does. What the server writes of itself does not pass it: a webhook
  /// that is down, or asks the server back, would keep it from starting, and so from being mended.
  default boolean isUsers() {
    return false;
  }

  /// Changes the object or rejects it with a StatusException.
  void admit(Admission admission);
}
