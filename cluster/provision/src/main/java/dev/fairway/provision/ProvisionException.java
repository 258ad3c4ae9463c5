// SPDX-License-Identifier: Apache-2.0
package dev.fairway.provision;

/// A cluster cannot be made or removed as asked. The message is one line for the user: what is
/// wrong, with which object, and what to do.
public final class ProvisionException extends RuntimeException {
  public ProvisionException(String message) {
    super(message);
  }

  public ProvisionException(String message, Throwable cause) {
    super(message, cause);
  }
}
