// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

/// The IANA numbers of the types that are treated specially; all others pass through as numbers.
final class RecordType {
  static final int A = 1;
  static final int NS = 2;
  static final int CNAME = 5;
  static final int SOA = 6;
  static final int PTR = 12;
  static final int MX = 15;
  static final int TXT = 16;
  static final int AAAA = 28;
  static final int SRV = 33;
  static final int OPT = 41;
  static final int HTTPS = 65;
  static final int IXFR = 251;
  static final int AXFR = 252;
  static final int ANY = 255;

  private RecordType() {}
}
