// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

/// RCODEs of RFC 1035 section 4.1.1 and RFC 6891 section 9.
final class ResponseCode {
  static final int NO_ERROR = 0;
  static final int FORMAT_ERROR = 1;
  static final int SERVER_FAILURE = 2;
  static final int NAME_ERROR = 3;
  static final int NOT_IMPLEMENTED = 4;
  static final int REFUSED = 5;

  /// Needs the upper bits of the OPT record.
  static final int BAD_VERSION = 16;

  private ResponseCode() {}
}
