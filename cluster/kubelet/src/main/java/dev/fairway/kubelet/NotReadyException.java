// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet;

/// Something a pod or container needs is missing now and may be there later.
final class NotReadyException extends Exception {
  private static final long serialVersionUID = 1L;

  private final String reason;

  /// @param reason for the container's waiting state and the event, such as
  ///   `CreateContainerConfigError`
  NotReadyException(String reason, String message) {
    super(message);
    this.reason = reason;
  }

  String reason() {
    return reason;
  }

  String text() {
    String message = getMessage();
    return message == null ? reason : message;
  }
}
