// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

/// One record of class IN, or of another class when it came from an upstream.
///
/// @param name the owner
/// @param recordClass 1 for IN
/// @param ttlSeconds at most 2^31-1; larger ones from the wire are read as 0 (RFC 2181 section 8)
/// @param data what it says
record ResourceRecord(Name name, int recordClass, int ttlSeconds, Rdata data) {
  static final int CLASS_IN = 1;

  static ResourceRecord of(Name name, int ttlSeconds, Rdata data) {
    return new ResourceRecord(name, CLASS_IN, ttlSeconds, data);
  }

  int type() {
    return data.type();
  }

  ResourceRecord withTtl(int seconds) {
    return new ResourceRecord(name, recordClass, seconds, data);
  }
}
