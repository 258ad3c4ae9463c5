// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.ipam;

import java.util.Optional;

/// A pod cannot have the addresses it should have; nothing was taken.
public final class NoAddress extends Exception {
  private static final long serialVersionUID = 1L;

  /// Why not.
  public enum Reason {
    /// Every address there is to choose from is in use.
    EXHAUSTED("AddressesExhausted"),
    /// The address that the pod asks for is another's.
    IN_USE("AddressInUse"),
    /// The address that the pod asks for may not be given to it.
    NOT_ALLOWED("AddressNotAllowed"),
    /// The pod's annotation makes no sense.
    BAD_ANNOTATION("AddressAnnotationInvalid"),
    /// The API server had to be asked and did not answer; it may be better later.
    UNREACHABLE("AddressPoolsUnreachable");

    private final String eventReason;

    Reason(String eventReason) {
      this.eventReason = eventReason;
    }

    /// As an Event has it.
    public String eventReason() {
      return eventReason;
    }
  }

  private final Reason reason;

  /// Which wish it was; never written to a stream.
  private final transient Optional<Wanted> unmet;

  public NoAddress(Reason reason, String message) {
    this(reason, message, Optional.empty());
  }

  public NoAddress(Reason reason, String message, Throwable cause) {
    super(message, cause);
    this.reason = reason;
    this.unmet = Optional.empty();
  }

  NoAddress(Reason reason, String message, Optional<Wanted> unmet) {
    super(message);
    this.reason = reason;
    this.unmet = unmet;
  }

  public Reason reason() {
    return reason;
  }

  /// The wish that could not be met, where it was the choice out of ranges that failed.
  public Optional<Wanted> unmet() {
    return unmet;
  }
}
