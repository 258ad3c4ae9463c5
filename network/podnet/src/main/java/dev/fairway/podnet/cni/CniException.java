// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.cni;

/// A call that failed, as the specification's section "Error" wants it told.
public final class CniException extends Exception {
  private static final long serialVersionUID = 1L;

  /// The reserved error codes of the specification, and from 100 on our own.
  public enum Code {
    INCOMPATIBLE_VERSION(1),
    UNSUPPORTED_FIELD(2),
    UNKNOWN_CONTAINER(3),
    INVALID_ENVIRONMENT(4),
    IO_FAILURE(5),
    UNDECODABLE(6),
    INVALID_CONFIG(7),
    TRY_AGAIN_LATER(11),
    /// The kernel refused a step; everything done before it was undone.
    KERNEL(100),
    /// No address is free in the node's range.
    NO_ADDRESS(101),
    /// CHECK found the pod's network not as ADD left it.
    NOT_AS_ADDED(102);

    private final int number;

    Code(int number) {
      this.number = number;
    }

    public int number() {
      return number;
    }
  }

  private final Code code;
  private final String details;

  public CniException(Code code, String message, String details) {
    super(message);
    this.code = code;
    this.details = details;
  }

  public CniException(Code code, String message, Throwable cause) {
    super(message, cause);
    this.code = code;
    this.details = String.valueOf(cause.getMessage());
  }

  public Code code() {
    return code;
  }

  /// More than the message, for a person; may be empty.
  public String details() {
    return details;
  }
}
