// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp.bfd;

/// Why a session last went down (RFC 5880 4.1).
public enum BfdDiagnostic {
  NONE(0, "none"),
  DETECTION_TIME_EXPIRED(1, "nothing was heard in the detection time"),
  ECHO_FAILED(2, "echo function failed"),
  NEIGHBOR_SIGNALED_DOWN(3, "the neighbour said that it is down"),
  FORWARDING_PLANE_RESET(4, "forwarding plane reset"),
  PATH_DOWN(5, "path down"),
  CONCATENATED_PATH_DOWN(6, "concatenated path down"),
  ADMINISTRATIVELY_DOWN(7, "administratively down"),
  REVERSE_CONCATENATED_PATH_DOWN(8, "reverse concatenated path down"),
  /// A number that no RFC had given.
  OTHER(31, "other");

  private final int number;
  private final String text;

  BfdDiagnostic(int number, String text) {
    this.number = number;
    this.text = text;
  }

  static BfdDiagnostic ofNumber(int number) {
    for (BfdDiagnostic diagnostic : values()) {
      if (diagnostic.number == number) {
        return diagnostic;
      }
    }
    return OTHER;
  }

  int number() {
    return number;
  }

  /// In plain words.
  @Override
  public String toString() {
    return text;
  }
}
