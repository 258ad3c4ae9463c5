// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery;

import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/// A field that is a number or text: a port or its name, a count or a percentage.
public sealed interface IntOrString {
  record Count(int value) implements IntOrString {}

  record Text(String value) implements IntOrString {}

  /// Anything but a number or a string counts as 0.
  static IntOrString of(@Nullable JsonNode node) {
    if (node != null && node.isString()) {
      return new Text(node.stringValue());
    }
    return new Count(node != null && node.canConvertToInt() ? node.intValue() : 0);
  }

  /// The count this means out of `total`. Text must be a percentage such as `25%`; otherwise
  /// [IllegalArgumentException].
  default int scaled(int total, boolean roundUp) {
    return switch (this) {
      case Count(int value) -> value;
      case Text(String text) -> {
        long product = (long) percent(text) * total;
        yield (int) (roundUp ? Math.ceilDiv(product, 100L) : Math.floorDiv(product, 100L));
      }
    };
  }

  private static int percent(String text) {
    if (text.endsWith("%") && text.length() <= 10) {
      try {
        return Integer.parseInt(text.substring(0, text.length() - 1));
      } catch (NumberFormatException e) {
        // Falls through to the one message.
      }
    }
    throw new IllegalArgumentException("\"" + text + "\" is not a percentage such as 25%");
  }
}
