// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

/// The kernel refused a call. Says which call, why (errno by name and number) and on what.
public final class KernelException extends RuntimeException {
  private static final long serialVersionUID = 1;

  private final String call;
  private final int errno;
  private final String subject;

  /// @param call the system call or netlink message, as in its manual page
  /// @param errno the positive error number
  /// @param subject what the call was about, for a reader: a path, a link, a whole request
  public KernelException(String call, int errno, String subject) {
    this(call, errno, subject, "");
  }

  /// @param reason the kernel's own words where it gave any, else empty
  public KernelException(String call, int errno, String subject, String reason) {
    super(
        call
            + " "
            + subject
            + ": "
            + Errno.name(errno)
            + " ("
            + errno
            + ", "
            + Errno.meaning(errno)
            + ")"
            + (reason.isEmpty() ? "" : ": " + reason));
    this.call = call;
    this.errno = errno;
    this.subject = subject;
  }

  public String call() {
    return call;
  }

  /// The positive error number; compare with the constants of [Errno].
  public int errno() {
    return errno;
  }

  public String subject() {
    return subject;
  }
}
