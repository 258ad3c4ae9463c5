// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.attach;

import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.MacAddress;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;

/// What a pod's wire is to be.
///
/// @param hostName of the end on the machine
/// @param podName of the end in the sandbox, `eth0`
/// @param mac of the pod's end
/// @param addresses of the pod
/// @param mtu of both ends, bytes
/// @param alias whose it is, for people who look at the machine's links; may be empty
public record Wire(
    String hostName,
    String podName,
    MacAddress mac,
    List<IpAddress> addresses,
    int mtu,
    String alias) {
  /// All pods see the same neighbour, and it is the same after any restart.
  public static final MacAddress HOST_MAC = MacAddress.parse("ee:ee:ee:ee:ee:ee");

  public static final String HOST_PREFIX = "fw";

  private static final IpAddress GATEWAY_V4 = IpAddress.parse("169.254.1.1");
  private static final IpAddress GATEWAY_V6 = IpAddress.parse("fe80::1");
  private static final int HASH_CHARS = 12;

  /// `IFALIASZ` of `linux/if.h` less one.
  private static final int LONGEST_ALIAS = 255;

  public Wire {
    addresses = List.copyOf(addresses);
    alias = alias.length() > LONGEST_ALIAS ? alias.substring(0, LONGEST_ALIAS) : alias;
  }

  /// The wire of an attachment, as everything about it follows from that.
  ///
  /// @param containerId of the sandbox
  public static Wire of(
      String containerId, String podName, List<IpAddress> addresses, int mtu, String alias) {
    IpAddress first = addresses.getFirst();
    MacAddress mac =
        first.family() == IpFamily.IPV4
            ? MacAddress.ofIpv4(first)
            : new MacAddress(0x0a58_0000_0000L | (first.low() & 0xffff_ffffL));
    return new Wire(hostName(containerId, podName), podName, mac, addresses, mtu, alias);
  }

  /// The name of the machine's end: the same for the same attachment, so that whoever finds a link
  /// or an attachment finds the other.
  public static String hostName(String containerId, String podName) {
    try {
      byte[] hash =
          MessageDigest.getInstance("SHA-256")
              .digest((containerId + "/" + podName).getBytes(StandardCharsets.UTF_8));
      return HOST_PREFIX + HexFormat.of().formatHex(hash, 0, HASH_CHARS / 2);
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every Java platform has SHA-256", e);
    }
  }

  /// Whether a link of the machine can be the end of a wire.
  public static boolean isHostName(String link) {
    return link.length() == HOST_PREFIX.length() + HASH_CHARS && link.startsWith(HOST_PREFIX);
  }

  /// The next hop of every pod, which is only an entry in its neighbour table.
  public static IpAddress gateway(IpFamily family) {
    return switch (family) {
      case IPV4 -> GATEWAY_V4;
      case IPV6 -> GATEWAY_V6;
    };
  }
}
