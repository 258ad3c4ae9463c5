// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet.api;

/// A request that cannot be served, with the HTTP status and one line for the user.
public final class ApiProblem extends Exception {
  private static final long serialVersionUID = 1L;

  private final int status;

  public ApiProblem(int status, String message) {
    super(message);
    this.status = status;
  }

  int status() {
    return status;
  }

  String text() {
    String message = getMessage();
    return message == null ? "" : message;
  }
}
