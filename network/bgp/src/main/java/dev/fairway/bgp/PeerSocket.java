// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp;

import dev.fairway.net.IpAddress;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/// How a neighbour's TCP connection is made and guarded.
///
/// @param port where it listens, usually 179
/// @param localAddress the address to connect from; the kernel chooses if absent
/// @param reach how far away it may be
/// @param md5Password signs each segment (RFC 2385), 1 to 80 octets; needs a transport that can
public record PeerSocket(
    int port, Optional<IpAddress> localAddress, Reach reach, Optional<String> md5Password) {
  private static final int LONGEST_PASSWORD = 80; // TCP_MD5SIG_MAXKEYLEN of linux/tcp.h

  /// Port 179, no password, and the distance that is usual: one hop for an external neighbour, any
  /// for an internal one.
  public static final PeerSocket DEFAULT =
      new PeerSocket(179, Optional.empty(), Reach.usual(), Optional.empty());

  /// How far away a neighbour may be.
  public sealed interface Reach {
    /// One hop if external, any distance if internal.
    record Usual() implements Reach {}

    /// What is sent dies after this many hops.
    ///
    /// @param hops 1 to 255
    record Multihop(int hops) implements Reach {
      public Multihop {
        requireHops(hops);
      }
    }

    /// What is received must have come over no more hops than these (GTSM, RFC 5082): sent with
    /// 255, expected with at least 256 - hops.
    ///
    /// @param hops 1 to 254
    record Security(int hops) implements Reach {
      public Security {
        requireHops(hops);
      }
    }

    static Reach usual() {
      return new Usual();
    }
  }

  public PeerSocket {
    if (port < 1 || port > 65535) {
      throw new IllegalArgumentException("peer port " + port + " is not from 1 to 65535");
    }
    md5Password.ifPresent(password -> {
      int length = password.getBytes(StandardCharsets.UTF_8).length;
      if (length < 1 || length > LONGEST_PASSWORD) {
        throw new IllegalArgumentException(
            "an MD5 password has 1 to " + LONGEST_PASSWORD + " octets, not " + length);
      }
    });
  }

  private static void requireHops(int hops) {
    if (hops < 1 || hops > 255) {
      throw new IllegalArgumentException("a reach of " + hops + " hops is not from 1 to 255");
    }
  }

  public PeerSocket withPort(int newPort) {
    return new PeerSocket(newPort, localAddress, reach, md5Password);
  }

  public PeerSocket withLocalAddress(IpAddress address) {
    return new PeerSocket(port, Optional.of(address), reach, md5Password);
  }

  public PeerSocket withReach(Reach newReach) {
    return new PeerSocket(port, localAddress, newReach, md5Password);
  }

  public PeerSocket withMd5Password(String password) {
    return new PeerSocket(port, localAddress, reach, Optional.of(password));
  }

  /// Without the password, which belongs in no log.
  @Override
  public String toString() {
    return "port "
        + port
        + localAddress.map(a -> " from " + a).orElse("")
        + " "
        + reach
        + (md5Password.isPresent() ? " with MD5" : "");
  }
}
