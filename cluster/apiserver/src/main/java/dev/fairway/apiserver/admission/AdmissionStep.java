// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.admission;

/// One rule every write passes.
public interface AdmissionStep {
  /// Changes the object or rejects it with a StatusException.
  void admit(Admission admission);
}
