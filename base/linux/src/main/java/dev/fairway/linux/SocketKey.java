// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

import dev.fairway.net.Prefix;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// A secret that signs every segment of a TCP connection. Both ends must hold the same one; a
/// segment without the right signature is dropped in silence, so a wrong key looks like a dead
/// peer.
public sealed interface SocketKey {
  /// Whom the key is for. One address is a prefix of full length.
  Prefix peers();

  /// TCP MD5 signatures (RFC 2385), what BGP speakers of all makes still use.
  final class Md5 implements SocketKey {
    /// `TCP_MD5SIG_MAXKEYLEN`
    public static final int MAX_BYTES = 80;

    private final Prefix peers;
    private final byte[] secret;

    /// @param secret as people type it; 1 to 80 bytes of UTF-8
    /// @throws IllegalArgumentException if it is empty or too long
    public Md5(Prefix peers, String secret) {
      this.peers = peers;
      this.secret = checked(secret, "TCP MD5", peers);
    }

    @Override
    public Prefix peers() {
      return peers;
    }

    byte[] secret() {
      return secret.clone();
    }

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof Md5 that
          && that.peers.equals(peers)
          && java.security.MessageDigest.isEqual(that.secret, secret);
    }

    @Override
    public int hashCode() {
      return peers.hashCode() * 31 + Arrays.hashCode(secret);
    }

    /// Never shows the secret.
    @Override
    public String toString() {
      return "TCP MD5 key for " + peers;
    }
  }

  /// TCP-AO (RFC 5925), with HMAC-SHA-1-96 (RFC 5926). Linux has it since 6.7 where it was built
  /// with `CONFIG_TCP_AO`; see [KernelFeatures#hasTcpAo].
  final class Ao implements SocketKey {
    private final Prefix peers;
    private final int sendId;
    private final int receiveId;
    private final byte[] secret;

    /// @param sendId KeyID in what this end sends, 0 to 255
    /// @param receiveId KeyID in what the other end sends
    public Ao(Prefix peers, int sendId, int receiveId, String secret) {
      if ((sendId | receiveId) >>> 8 != 0) {
        throw new IllegalArgumentException(
            "a TCP-AO KeyID is from 0 to 255, not " + sendId + " or " + receiveId);
      }
      this.peers = peers;
      this.sendId = sendId;
      this.receiveId = receiveId;
      this.secret = checked(secret, "TCP-AO", peers);
    }

    @Override
    public Prefix peers() {
      return peers;
    }

    int sendId() {
      return sendId;
    }

    int receiveId() {
      return receiveId;
    }

    byte[] secret() {
      return secret.clone();
    }

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof Ao that
          && that.peers.equals(peers)
          && that.sendId == sendId
          && that.receiveId == receiveId
          && java.security.MessageDigest.isEqual(that.secret, secret);
    }

    @Override
    public int hashCode() {
      return peers.hashCode() * 31 + Arrays.hashCode(secret);
    }

    /// Never shows the secret.
    @Override
    public String toString() {
      return "TCP-AO key " + sendId + "/" + receiveId + " for " + peers;
    }
  }

  private static byte[] checked(String secret, String what, Prefix peers) {
    byte[] bytes = secret.getBytes(StandardCharsets.UTF_8);
    if (bytes.length == 0 || bytes.length > Md5.MAX_BYTES) {
      throw new IllegalArgumentException(
          "the "
              + what
              + " key for "
              + peers
              + " has "
              + bytes.length
              + " bytes; 1 to 80 are"
              + " possible");
    }
    return bytes;
  }
}
