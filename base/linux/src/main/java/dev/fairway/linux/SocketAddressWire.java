// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.TransportAddress;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import org.jspecify.annotations.Nullable;

/// `struct sockaddr_in` and `struct sockaddr_in6` (ip(7), ipv6(7)).
final class SocketAddressWire {
  static final int MAX_BYTES = 28;

  private SocketAddressWire() {}

  /// @param link index that a link-local IPv6 address belongs to, else 0
  static MemorySegment write(SegmentAllocator allocator, TransportAddress address, int link) {
    IpFamily family = address.address().family();
    byte[] octets = address.address().bytes();
    boolean six = family == IpFamily.IPV6;
    MemorySegment segment = allocator.allocate(six ? 28 : 16, 8);
    segment.set(JAVA_SHORT, 0, (short) family.addressFamily());
    segment.set(JAVA_BYTE, 2, (byte) (address.port() >>> 8));
    segment.set(JAVA_BYTE, 3, (byte) address.port());
    MemorySegment.copy(octets, 0, segment, JAVA_BYTE, six ? 8 : 4, octets.length);
    if (six) {
      segment.set(JAVA_INT, 24, link);
    }
    return segment;
  }

  /// The address in a segment of [#MAX_BYTES] bytes, null if it is of neither family.
  static @Nullable TransportAddress read(MemorySegment segment) {
    int port = (segment.get(JAVA_BYTE, 2) & 255) << 8 | (segment.get(JAVA_BYTE, 3) & 255);
    return switch (segment.get(JAVA_SHORT, 0)) {
      case 2 -> new TransportAddress(address(segment, 4, 4), port);
      case 10 -> new TransportAddress(address(segment, 8, 16), port);
      default -> null;
    };
  }

  private static IpAddress address(MemorySegment segment, int from, int count) {
    return IpAddress.ofBytes(segment.asSlice(from, count).toArray(JAVA_BYTE));
  }
}
