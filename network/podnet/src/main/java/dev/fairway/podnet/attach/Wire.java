// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.attach;

import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.MacAddress;
import dev.fairway.net.Prefix;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
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
/// @param routes what the pod reaches by its gateways
/// @param limits how fast it may be
/// @param loopback whether the node's 127.0.0.0/8 may reach the pod
public record Wire(
    String hostName,
    String podName,
    MacAddress mac,
    List<IpAddress> addresses,
    int mtu,
    String alias,
    List<Prefix> routes,
    Limits limits,
    boolean loopback) {
  /// All pods see the same neighbour, and it is the same after any restart.
  public static final MacAddress HOST_MAC = MacAddress.parse("ee:ee:ee:ee:ee:ee");

  public static final String HOST_PREFIX = "fw";

  private static final IpAddress GATEWAY_V4 = IpAddress.parse("169.254.1.1");
  private static final IpAddress GATEWAY_V6 = IpAddress.parse("fe80::1");
  private static final int HASH_CHARS = 12;

  /// The first octet `0e`: locally administered, of one interface, and not `0a:58`.
  private static final long LOCAL_MAC = 0x0e00_0000_0000L;

  /// `IFALIASZ` of `linux/if.h` less one.
  private static final int LONGEST_ALIAS = 255;

  public Wire {
    addresses = List.copyOf(addresses);
    routes = List.copyOf(routes);
    alias = alias.length() > LONGEST_ALIAS ? alias.substring(0, LONGEST_ALIAS) : alias;
  }

  /// The wire of an attachment, as everything about it follows from that: it leads everywhere.
  ///
  /// @param containerId of the sandbox
  public static Wire of(
      String containerId, String podName, List<IpAddress> addresses, int mtu, String alias) {
    String hostName = hostName(containerId, podName);
    List<Prefix> everywhere = new ArrayList<>();
    addresses.forEach(address -> everywhere.add(new Prefix(address, 0)));
    return new Wire(
        hostName,
        podName,
        mac(hostName, addresses),
        addresses,
        mtu,
        alias,
        everywhere,
        Limits.NONE,
        false);
  }

  /// No two of a cluster's pods have one IPv4 address, so none have one MAC. Of an IPv6 address the
  /// parts that differ may be anywhere, so then it is made from the name, which is a hash.
  private static MacAddress mac(String hostName, List<IpAddress> addresses) {
    for (IpAddress address : addresses) {
      if (address.family() == IpFamily.IPV4) {
        return MacAddress.ofIpv4(address);
      }
    }
    long hash = Long.parseLong(hostName.substring(HOST_PREFIX.length()), 16);
    return new MacAddress((hash & 0x00ff_ffff_ffffL) | LOCAL_MAC);
  }

  /// Whether an address could be one that is given without being asked for.
  public static boolean isOurs(MacAddress mac) {
    return mac.equals(HOST_MAC) || mac.bits() >>> 32 == 0x0a58 || mac.bits() >>> 40 == 0x0e;
  }

  public Wire withMac(MacAddress chosen) {
    return new Wire(hostName, podName, chosen, addresses, mtu, alias, routes, limits, loopback);
  }

  public Wire withRoutes(List<Prefix> chosen) {
    return new Wire(hostName, podName, mac, addresses, mtu, alias, chosen, limits, loopback);
  }

  public Wire withLimits(Limits chosen) {
    return new Wire(hostName, podName, mac, addresses, mtu, alias, routes, chosen, loopback);
  }

  public Wire withLoopback(boolean chosen) {
    return new Wire(hostName, podName, mac, addresses, mtu, alias, routes, limits, chosen);
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
