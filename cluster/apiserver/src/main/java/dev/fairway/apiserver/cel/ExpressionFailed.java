// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.cel;

import org.jspecify.annotations.Nullable;

/// An expression that cannot be understood, or has no value.
public final class ExpressionFailed extends Exception {
  private static final long serialVersionUID = 1;

  ExpressionFailed(String message, @Nullable Throwable cause) {
    super(message, cause);
  }

  /// Never null.
  @Override
  public String getMessage() {
    return String.valueOf(super.getMessage());
  }
}
