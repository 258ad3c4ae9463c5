// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery.validation;

import dev.fairway.apimachinery.Kind;
import tools.jackson.databind.node.ObjectNode;

/// Which kind has which rules by hand.
final class Rules {
  private Rules() {}

  static void check(Kind kind, ObjectNode object, Findings findings) {}
}
