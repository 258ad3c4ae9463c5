// SPDX-License-Identifier: Apache-2.0
package dev.fairway.reconcile;

import java.util.Map;

/// Which objects of a kind to follow.
///
/// @param fields equality field selectors, such as `spec.nodeName` to `worker-0`
/// @param labels equality label selectors
public record Selection(Map<String, String> fields, Map<String, String> labels) {
  /// Every object of the kind in every namespace.
  public static final Selection ALL = new Selection(Map.of(), Map.of());

  public Selection {
    fields = Map.copyOf(fields);
    labels = Map.copyOf(labels);
  }

  public static Selection ofField(String field, String value) {
    return new Selection(Map.of(field, value), Map.of());
  }

  public static Selection ofLabel(String label, String value) {
    return new Selection(Map.of(), Map.of(label, value));
  }
}
