// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/// Keys as socket options (`linux/tcp.h`: `struct tcp_md5sig`, `struct tcp_ao_add`).
final class TcpKeys {
  static final int TCP_MD5SIG = 14;
  static final int TCP_MD5SIG_EXT = 32;
  static final int TCP_AO_ADD_KEY = 38;
  private static final int FLAG_PREFIX = 1;
  private static final int STORAGE_BYTES = 128;
  private static final int MAC_BYTES = 12;

  private TcpKeys() {}

  static void put(Fd fd, SocketKey key) {
    int errno =
        switch (key) {
          case SocketKey.Md5 md5 -> setMd5(fd, md5.peers(), md5.secret());
          case SocketKey.Ao ao ->
              InetSocket.tryOption(fd, InetSocket.SOL_TCP, TCP_AO_ADD_KEY, ao(ao));
        };
    refuse(errno, key);
  }

  /// A key that is not there is fine.
  static void remove(Fd fd, SocketKey key) {
    if (key instanceof SocketKey.Md5) {
      int errno = setMd5(fd, key.peers(), new byte[0]);
      refuse(errno == Errno.ENOENT ? 0 : errno, key);
    }
  }

  private static void refuse(int errno, SocketKey key) {
    if (errno == Errno.ENOPROTOOPT) {
      String option =
          key instanceof SocketKey.Ao ? "CONFIG_TCP_AO, Linux 6.7" : "CONFIG_TCP_MD5SIG";
      throw new KernelException("setsockopt", errno, key.toString(), "this kernel lacks " + option);
    }
    if (errno != 0) {
      throw new KernelException("setsockopt", errno, key.toString());
    }
  }

  private static int setMd5(Fd fd, Prefix peers, byte[] secret) {
    boolean single = peers.length() == peers.family().addressBits();
    return InetSocket.tryOption(
        fd, InetSocket.SOL_TCP, single ? TCP_MD5SIG : TCP_MD5SIG_EXT, md5(peers, secret));
  }

  static byte[] md5(Prefix peers, byte[] secret) {
    boolean single = peers.length() == peers.family().addressBits();
    ByteBuffer out = ByteBuffer.allocate(216).order(ByteOrder.nativeOrder());
    address(out, peers);
    out.put((byte) (single ? 0 : FLAG_PREFIX));
    out.put((byte) (single ? 0 : peers.length()));
    out.putShort((short) secret.length);
    out.putInt(0);
    out.put(secret);
    return out.array();
  }

  static byte[] ao(SocketKey.Ao key) {
    ByteBuffer out = ByteBuffer.allocate(288).order(ByteOrder.nativeOrder());
    address(out, key.peers());
    out.put("hmac(sha1)".getBytes(StandardCharsets.US_ASCII)).position(STORAGE_BYTES + 64);
    out.putInt(0);
    out.putInt(0);
    out.putShort((short) 0);
    out.put((byte) key.peers().length());
    out.put((byte) key.sendId());
    out.put((byte) key.receiveId());
    out.put((byte) MAC_BYTES);
    out.put((byte) 0);
    byte[] secret = key.secret();
    out.put((byte) secret.length);
    out.put(secret);
    return out.array();
  }

  private static void address(ByteBuffer out, Prefix peers) {
    boolean six = peers.family() == IpFamily.IPV6;
    out.putShort(0, (short) peers.family().addressFamily());
    out.put(six ? 8 : 4, peers.address().bytes());
    out.position(STORAGE_BYTES);
  }
}
