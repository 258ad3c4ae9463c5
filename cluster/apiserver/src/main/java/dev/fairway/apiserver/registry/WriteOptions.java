// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.registry;

import dev.fairway.apimachinery.FieldValidation;
import dev.fairway.apimachinery.StatusException;
import dev.fairway.apiserver.auth.Identity;
import dev.fairway.apiserver.http.Query;

/// Who writes, and how strictly.
public record WriteOptions(Identity identity, boolean dryRun, FieldValidation fieldValidation) {
  /// Reads `dryRun` and `fieldValidation`.
  public static WriteOptions of(Identity identity, Query query) {
    String dryRun = query.get("dryRun").orElse("");
    if (!dryRun.isEmpty() && !dryRun.equals("All")) {
      throw StatusException.badRequest(
          "dryRun: Unsupported value: \"" + dryRun + "\": supported values: \"All\"");
    }
    return new WriteOptions(
        identity,
        !dryRun.isEmpty(),
        FieldValidation.parse(query.get("fieldValidation").orElse(null)));
  }
}
