// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery.validation;

import dev.fairway.apimachinery.FieldError;
import dev.fairway.apimachinery.Kind;
import dev.fairway.apimachinery.Trees;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// Checks objects that have the right types and their defaults. An empty list means all is well.
public final class Validator {
  private Validator() {}

  /// Checks a new object. Its name must be set already, generated or not.
  public static List<FieldError> create(Kind kind, ObjectNode object) {
    Findings findings = new Findings();
    Metadata.check(kind, object, findings);
    Shape.check(kind, object, findings);
    Rules.check(kind, object, findings);
    return findings.list();
  }

  /// Checks an object that takes the place of another, including what may not change.
  public static List<FieldError> update(Kind kind, ObjectNode object, ObjectNode old) {
    Findings findings = new Findings();
    Metadata.check(kind, object, findings);
    Metadata.unchanged(object, old, findings);
    Shape.check(kind, object, findings);
    Rules.check(kind, object, findings);
    Immutable.check(kind, object, old, findings);
    return findings.list();
  }

  /// Checks an update of the status alone: metadata and counts.
  public static List<FieldError> status(Kind kind, ObjectNode object, ObjectNode old) {
    Findings findings = new Findings();
    Metadata.check(kind, object, findings);
    Metadata.unchanged(object, old, findings);
    notNegative(Trees.at(object, "status"), findings);
    return findings.list();
  }

  private static void notNegative(@Nullable JsonNode status, Findings findings) {
    for (String field :
        new String[] {
          "replicas", "readyReplicas", "availableReplicas", "updatedReplicas", "observedGeneration"
        }) {
      long number = Trees.number(status, 0, field);
      if (number < 0) {
        findings.add(
            FieldError.invalid("status." + field, number, "must be greater than or equal to 0"));
      }
    }
  }
}
