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
    /// STATUS: no ADD can be served.
    NOT_AVAILABLE(50),
    /// STATUS: no ADD can be served, and pods that are connected may not reach all others.
    LIMITED(51),
    /// The kernel refused a step; everything done before it was undone.
    KERNEL(100),
    /// No address is free in the node's range.
    NO_ADDRESS(101),
    /// CHECK found the pod's network not as ADD left it.
    NOT_AS_ADDED(102),
    /// A port of the node that the pod asks for is another pod's.
    PORT_IN_USE(103),
    /// A delegate ended in a way that the specification does not know.
    DELEGATE(104);

    private final int number;

    Code(int number) {
      this.number = number;
    }

    public int number() {
      return number;
    }
  }

  private final int number;
  private final String details;

  public CniException(Code code, String message, String details) {
    this(code.number, message, details);
  }

  /// An error that another plugin told us, handed on with its own number.
  public CniException(int number, String message, String details) {
    super(message);
    this.number = number;
    this.details = details;
  }

  public CniException(Code code, String message, Throwable cause) {
    super(message, cause);
    this.number = code.number;
    this.details = String.valueOf(cause.getMessage());
  }

  /// As the caller is told it.
  public int number() {
    return number;
  }

  /// More than the message, for a person; may be empty.
  public String details() {
    return details;
  }
}
