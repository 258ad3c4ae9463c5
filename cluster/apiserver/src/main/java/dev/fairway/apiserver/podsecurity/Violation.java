// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.podsecurity;

import java.util.List;

/// One thing a pod must not do.
public record Violation(String reason, String detail) {
  @Override
  public String toString() {
    return detail.isEmpty() ? reason : reason + " (" + detail + ")";
  }

  /// All of them, as errors and warnings list them.
  public static String text(List<Violation> violations) {
    StringBuilder text = new StringBuilder();
    for (Violation violation : violations) {
      text.append(text.isEmpty() ? "" : ", ").append(violation);
    }
    return text.toString();
  }

  /// The reasons alone.
  public static String reasons(List<Violation> violations) {
    StringBuilder text = new StringBuilder();
    for (Violation violation : violations) {
      text.append(text.isEmpty() ? "" : ", ").append(violation.reason());
    }
    return text.toString();
  }
}
