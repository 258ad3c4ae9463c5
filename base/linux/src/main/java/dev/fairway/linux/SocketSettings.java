// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

import java.util.List;
import org.jspecify.annotations.Nullable;

/// What a socket is given before it is bound: `SocketSettings.NONE.withTtl(255)`.
///
/// @param device name of the link that packets must use, null for any (`SO_BINDTODEVICE`)
/// @param mark that routing rules and packet filters see, 0 for none (`SO_MARK`)
/// @param ttl time to live or hop limit of what is sent, 0 for the kernel's choice (`IP_TTL`,
///   `IPV6_UNICAST_HOPS`)
/// @param minimumTtl what arrives with less is dropped, 0 to take all. The kernel does it for TCP
///   (`IP_MINTTL`, `IPV6_MINHOPCOUNT`; GTSM, RFC 5082); a [UdpSocket] does it itself
/// @param trafficClass the TOS byte, 0xc0 for network control (RFC 2474); 0 for none
/// @param keys that sign TCP segments
public record SocketSettings(
    @Nullable String device,
    int mark,
    int ttl,
    int minimumTtl,
    int trafficClass,
    List<SocketKey> keys) {
  /// The kernel's defaults.
  public static final SocketSettings NONE = new SocketSettings(null, 0, 0, 0, 0, List.of());

  public SocketSettings {
    if ((ttl | minimumTtl | trafficClass) >>> 8 != 0) {
      throw new IllegalArgumentException(
          "TTL "
              + ttl
              + ", minimum TTL "
              + minimumTtl
              + " and traffic class "
              + trafficClass
              + " must be from 0 to 255");
    }
    keys = List.copyOf(keys);
  }

  public SocketSettings onDevice(String name) {
    return new SocketSettings(name, mark, ttl, minimumTtl, trafficClass, keys);
  }

  public SocketSettings withMark(int number) {
    return new SocketSettings(device, number, ttl, minimumTtl, trafficClass, keys);
  }

  public SocketSettings withTtl(int hops) {
    return new SocketSettings(device, mark, hops, minimumTtl, trafficClass, keys);
  }

  /// Sends with 255 and takes only what passed at most `hops` - 1 routers (RFC 5082).
  public SocketSettings withTtlSecurity(int hops) {
    if (hops < 1 || hops > 254) {
      throw new IllegalArgumentException(
          "TTL security over " + hops + " hops; 1 to 254 are possible");
    }
    return new SocketSettings(device, mark, 255, 256 - hops, trafficClass, keys);
  }

  public SocketSettings withTrafficClass(int octet) {
    return new SocketSettings(device, mark, ttl, minimumTtl, octet, keys);
  }

  public SocketSettings withKeys(List<? extends SocketKey> all) {
    return new SocketSettings(device, mark, ttl, minimumTtl, trafficClass, List.copyOf(all));
  }
}
