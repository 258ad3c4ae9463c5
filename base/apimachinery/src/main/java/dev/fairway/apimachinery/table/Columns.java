// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery.table;

import dev.fairway.apimachinery.Kind;
import java.util.List;

/// Which columns each kind has.
final class Columns {
  private static final List<Column> PLAIN = List.of(Column.NAME, Column.CREATED_AT);

  private Columns() {}

  static List<Column> of(Kind kind) {
    if (kind.custom() != null) {
      return CustomCells.columns(kind.custom().version());
    }
    return switch (kind.group()) {
      case "" -> CoreCells.columns(kind.kind());
      case "apps", "batch", "autoscaling", "policy" -> WorkloadCells.columns(kind.kind());
      case "networking.k8s.io", "discovery.k8s.io" -> NetworkCells.columns(kind.kind());
      case "events.k8s.io" -> EventCells.columns();
      default -> OtherCells.columns(kind.kind());
    };
  }

  static List<Column> plain() {
    return PLAIN;
  }

  static List<Column> nameAndAge() {
    return List.of(Column.NAME, Column.AGE);
  }
}
