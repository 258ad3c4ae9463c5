// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet.cri;

import io.grpc.Status;
import io.grpc.StatusRuntimeException;

/// A call the container runtime refused or did not answer.
public final class CriException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final Status.Code code;
  private final String reason;

  CriException(String call, StatusRuntimeException cause) {
    super(call + ": " + describe(cause.getStatus()), cause);
    this.code = cause.getStatus().getCode();
    this.reason = describe(cause.getStatus());
  }

  /// What the runtime said, without the name of the call.
  public String reason() {
    return reason;
  }

  /// The object is not there, which is what a removal wants.
  public boolean notFound() {
    return code == Status.Code.NOT_FOUND;
  }

  /// The runtime is down or too slow to answer.
  public boolean unreachable() {
    return code == Status.Code.UNAVAILABLE || code == Status.Code.DEADLINE_EXCEEDED;
  }

  private static String describe(Status status) {
    String description = status.getDescription();
    return description == null ? status.getCode().name() : description;
  }
}
