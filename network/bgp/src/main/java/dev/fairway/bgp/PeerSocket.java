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
/// @param signature what each segment is signed with, if at all; needs a transport that can
public record PeerSocket(
    int port, Optional<IpAddress> localAddress, Reach reach, Optional<Signature> signature) {
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
        if (hops == 255) {
          throw new IllegalArgumentException("TTL security over 255 hops would let anybody in");
        }
      }
    }

    static Reach usual() {
      return new Usual();
    }
  }

  /// How segments are signed, by a secret that both sides have. It is in no text of theirs.
  public sealed interface Signature {
    String password();

    /// RFC 2385.
    ///
    /// @param password 1 to 80 octets
    record Md5(String password) implements Signature {
      public Md5 {
        requirePassword(password, "an MD5");
      }

      @Override
      public String toString() {
        return "MD5";
      }
    }

    /// TCP-AO (RFC 5925) with HMAC-SHA-1-96.
    ///
    /// @param sendId number of the key in what we send, 0 to 255
    /// @param receiveId the same in what we receive
    /// @param password 1 to 80 octets
    record Ao(int sendId, int receiveId, String password) implements Signature {
      public Ao {
        if ((sendId | receiveId) >>> 8 != 0) {
          throw new IllegalArgumentException(
              "the numbers " + sendId + " and " + receiveId + " of a TCP-AO key: 0 to 255 it is");
        }
        requirePassword(password, "a TCP-AO");
      }

      @Override
      public String toString() {
        return "TCP-AO " + sendId + "/" + receiveId;
      }
    }
  }

  public PeerSocket {
    if (port < 1 || port > 65535) {
      throw new IllegalArgumentException("peer port " + port + " is not from 1 to 65535");
    }
  }

  private static void requirePassword(String password, String what) {
    int length = password.getBytes(StandardCharsets.UTF_8).length;
    if (length < 1 || length > LONGEST_PASSWORD) {
      throw new IllegalArgumentException(
          what + " password has 1 to " + LONGEST_PASSWORD + " octets, not " + length);
    }
  }

  private static void requireHops(int hops) {
    if (hops < 1 || hops > 255) {
      throw new IllegalArgumentException("a reach of " + hops + " hops is not from 1 to 255");
    }
  }

  public PeerSocket withPort(int newPort) {
    return new PeerSocket(newPort, localAddress, reach, signature);
  }

  public PeerSocket withLocalAddress(IpAddress address) {
    return new PeerSocket(port, Optional.of(address), reach, signature);
  }

  public PeerSocket withReach(Reach newReach) {
    return new PeerSocket(port, localAddress, newReach, signature);
  }

  public PeerSocket withMd5Password(String password) {
    return withSignature(new Signature.Md5(password));
  }

  public PeerSocket withSignature(Signature newSignature) {
    return new PeerSocket(port, localAddress, reach, Optional.of(newSignature));
  }

  /// Without the password, which belongs in no log.
  @Override
  public String toString() {
    return "port "
        + port
        + localAddress.map(a -> " from " + a).orElse("")
        + " "
        + reach
        + signature.map(s -> " with " + s).orElse("");
  }
}
