// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery.validation;

import dev.fairway.apimachinery.FieldError;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// What a check has found so far. Bounded, so that a bad object cannot make a huge answer.
final class Findings {
  private static final int MOST = 100;

  private final List<FieldError> errors = new ArrayList<>();

  void add(FieldError error) {
    if (errors.size() < MOST) {
      errors.add(error);
    }
  }

  void required(String field, String detail) {
    add(FieldError.required(field, detail));
  }

  /// Adds an error if there is a problem to tell.
  void problem(String field, String value, @Nullable String problem) {
    if (problem != null) {
      add(FieldError.invalid(field, value, problem));
    }
  }

  List<FieldError> list() {
    return List.copyOf(errors);
  }
}
