// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.attach;

/// Sees each step of an ADD before it is done. A test makes it throw there, to see all steps before
/// undone.
@FunctionalInterface
public interface StepObserver {
  void before(String step);
}
