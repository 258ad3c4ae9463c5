// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp.wire;

import org.jspecify.annotations.Nullable;

/// The path attributes that are understood here, with their numbers and flags.
enum AttributeType {
  ORIGIN(1, AttributeType.WELL_KNOWN),
  AS_PATH(2, AttributeType.WELL_KNOWN),
  NEXT_HOP(3, AttributeType.WELL_KNOWN),
  MED(4, AttributeType.OPTIONAL),
  LOCAL_PREFERENCE(5, AttributeType.WELL_KNOWN),
  ATOMIC_AGGREGATE(6, AttributeType.WELL_KNOWN),
  AGGREGATOR(7, AttributeType.OPTIONAL_TRANSITIVE),
  COMMUNITIES(8, AttributeType.OPTIONAL_TRANSITIVE), // RFC 1997
  ORIGINATOR_ID(9, AttributeType.OPTIONAL), // RFC 4456
  CLUSTER_LIST(10, AttributeType.OPTIONAL), // RFC 4456
  MP_REACH(14, AttributeType.OPTIONAL), // RFC 4760
  MP_UNREACH(15, AttributeType.OPTIONAL), // RFC 4760
  EXTENDED_COMMUNITIES(16, AttributeType.OPTIONAL_TRANSITIVE), // RFC 4360
  AS4_PATH(17, AttributeType.OPTIONAL_TRANSITIVE), // RFC 6793
  AS4_AGGREGATOR(18, AttributeType.OPTIONAL_TRANSITIVE), // RFC 6793
  LARGE_COMMUNITIES(32, AttributeType.OPTIONAL_TRANSITIVE); // RFC 8092

  // RFC 4271 4.3
  static final int FLAG_OPTIONAL = 0x80;
  static final int FLAG_TRANSITIVE = 0x40;
  static final int FLAG_PARTIAL = 0x20;
  static final int FLAG_EXTENDED_LENGTH = 0x10;

  private static final int WELL_KNOWN = FLAG_TRANSITIVE;
  private static final int OPTIONAL = FLAG_OPTIONAL;
  private static final int OPTIONAL_TRANSITIVE = FLAG_OPTIONAL | FLAG_TRANSITIVE;

  private final int code;
  private final int flags;

  AttributeType(int code, int flags) {
    this.code = code;
    this.flags = flags;
  }

  int code() {
    return code;
  }

  /// Its optional and transitive bits.
  int flags() {
    return flags;
  }

  static @Nullable AttributeType of(int code) {
    return switch (code) {
      case 1 -> ORIGIN;
      case 2 -> AS_PATH;
      case 3 -> NEXT_HOP;
      case 4 -> MED;
      case 5 -> LOCAL_PREFERENCE;
      case 6 -> ATOMIC_AGGREGATE;
      case 7 -> AGGREGATOR;
      case 8 -> COMMUNITIES;
      case 9 -> ORIGINATOR_ID;
      case 10 -> CLUSTER_LIST;
      case 14 -> MP_REACH;
      case 15 -> MP_UNREACH;
      case 16 -> EXTENDED_COMMUNITIES;
      case 17 -> AS4_PATH;
      case 18 -> AS4_AGGREGATOR;
      case 32 -> LARGE_COMMUNITIES;
      default -> null;
    };
  }
}
