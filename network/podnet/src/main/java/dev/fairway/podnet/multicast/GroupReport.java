// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.multicast;

import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// What a pod's kernel says of one group.
///
/// @param member whether the pod listens to anything of the group; from whom it does, its kernel
///   looks after
record GroupReport(IpAddress group, boolean member) {
  /// More than a packet of ordinary size can hold.
  private static final int MOST = 512;

  private static final int IGMP_V2_REPORT = 0x16;
  private static final int IGMP_V2_LEAVE = 0x17;
  private static final int IGMP_V3_REPORT = 0x22;
  private static final int MLD_V1_REPORT = 131;
  private static final int MLD_V1_DONE = 132;
  private static final int MLD_V2_REPORT = 143;

  /// The kinds of records, the same in both families (RFC 3376 4.2.12, RFC 3810 5.2.12).
  private static final int MODE_IS_INCLUDE = 1;

  private static final int MODE_IS_EXCLUDE = 2;
  private static final int TO_INCLUDE = 3;
  private static final int TO_EXCLUDE = 4;
  private static final int ALLOW_SOURCES = 5;

  /// Whether a packet is of IGMP or MLD, so that it concerns only its own link.
  static boolean isOne(GroupPacket packet) {
    return switch (packet.family()) {
      case IPV4 -> packet.protocol() == GroupPacket.IGMP;
      case IPV6 -> {
        int type = type(packet);
        yield packet.protocol() == GroupPacket.ICMPV6
            && (type == 130
                || type == MLD_V1_REPORT
                || type == MLD_V1_DONE
                || type == MLD_V2_REPORT);
      }
    };
  }

  private static int type(GroupPacket packet) {
    return packet.payload() < packet.bytes().length ? packet.bytes()[packet.payload()] & 255 : -1;
  }

  /// What a packet says of groups that reach past the link; what cannot be read says nothing.
  static List<GroupReport> read(GroupPacket packet) {
    if (!isOne(packet)) {
      return List.of();
    }
    byte[] bytes = packet.bytes();
    int at = packet.payload();
    boolean four = packet.family() == IpFamily.IPV4;
    List<GroupReport> reports = new ArrayList<>();
    switch (type(packet)) {
      case IGMP_V3_REPORT, MLD_V2_REPORT -> records(packet, reports);
      case IGMP_V2_REPORT -> add(reports, bytes, at + 4, 4, true);
      case IGMP_V2_LEAVE -> add(reports, bytes, at + 4, 4, false);
      case MLD_V1_REPORT -> add(reports, bytes, at + 8, four ? 0 : 16, true);
      case MLD_V1_DONE -> add(reports, bytes, at + 8, four ? 0 : 16, false);
      default -> {}
    }
    return reports;
  }

  private static void records(GroupPacket packet, List<GroupReport> reports) {
    byte[] bytes = packet.bytes();
    int addressBytes = packet.family().addressBytes();
    int at = packet.payload() + 8;
    if (at > bytes.length) {
      return;
    }
    int count = Math.min(MOST, (bytes[at - 2] & 255) << 8 | (bytes[at - 1] & 255));
    for (int i = 0; i < count && at + 4 + addressBytes <= bytes.length; i++) {
      int kind = bytes[at] & 255;
      int sources = (bytes[at + 2] & 255) << 8 | (bytes[at + 3] & 255);
      switch (kind) {
        case MODE_IS_EXCLUDE, TO_EXCLUDE, ALLOW_SOURCES ->
            add(reports, bytes, at + 4, addressBytes, true);
        case MODE_IS_INCLUDE, TO_INCLUDE -> add(reports, bytes, at + 4, addressBytes, sources > 0);
        default -> {} // to hear some sources no more says nothing of the group
      }
      at += 4 + addressBytes * (1 + sources) + 4 * (bytes[at + 1] & 255);
    }
  }

  private static void add(
      List<GroupReport> reports, byte[] bytes, int at, int length, boolean member) {
    if (length == 0 || at + length > bytes.length) {
      return;
    }
    IpAddress group = IpAddress.ofBytes(Arrays.copyOfRange(bytes, at, at + length));
    if (GroupPacket.isWide(group)) {
      reports.add(new GroupReport(group, member));
    }
  }
}
