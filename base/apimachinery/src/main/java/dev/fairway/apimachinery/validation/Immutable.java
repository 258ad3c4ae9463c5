// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery.validation;

import dev.fairway.apimachinery.Kind;
import tools.jackson.databind.node.ObjectNode;

/// What may not change once an object is there.
final class Immutable {
  private Immutable() {}

  static void check(Kind kind, ObjectNode object, ObjectNode old, Findings findings) {}
}
