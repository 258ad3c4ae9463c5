// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux.wireguard;

import dev.fairway.linux.GenericNetlink;
import dev.fairway.linux.NetlinkReader;
import dev.fairway.linux.NetlinkWriter;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import dev.fairway.net.TransportAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// The kernel's generic netlink family `wireguard` (`linux/wireguard.h`). Pure.
final class WireGuardWire {
  static final String FAMILY = "wireguard";
  static final int GET_DEVICE = 0;
  static final int SET_DEVICE = 1;
  private static final int VERSION = 1;
  private static final int ACK = 4;
  private static final int GENERIC_HEADER = 4;

  /// `WGDEVICE_A_*`
  private static final class Device {
    static final int IFNAME = 2;
    static final int PRIVATE_KEY = 3;
    static final int PUBLIC_KEY = 4;
    static final int LISTEN_PORT = 6;
    static final int PEERS = 8;
  }

  /// `WGPEER_A_*`
  private static final class Peer {
    static final int PUBLIC_KEY = 1;
    static final int FLAGS = 3;
    static final int ENDPOINT = 4;
    static final int KEEPALIVE = 5;
    static final int HANDSHAKE = 6;
    static final int RECEIVED = 7;
    static final int SENT = 8;
    static final int ALLOWED = 9;
  }

  /// `WGALLOWEDIP_A_*`
  private static final class Allowed {
    static final int FAMILY = 1;
    static final int ADDRESS = 2;
    static final int LENGTH = 3;
  }

  private static final int REMOVE_ME = 1; // WGPEER_F_REMOVE_ME
  private static final int REPLACE_ALLOWED = 2; // WGPEER_F_REPLACE_ALLOWEDIPS

  /// A nest has a length of 16 bits, and the kernel takes no message above some megabytes; a
  /// message ends well before the first. One peer takes at most some 130 bytes beside its ranges, a
  /// range 48.
  private static final int FULL = 32 << 10;

  /// How many ranges of one peer go into one message; more come with the peer's name again.
  private static final int MOST_RANGES = 500;

  private WireGuardWire() {}

  /// Writes a change as one message or several.
  static void set(NetlinkWriter out, int family, String device, WireGuardChange change) {
    begin(out, family, device);
    change.secret().ifPresent(secret -> out.attribute(Device.PRIVATE_KEY, secret.bytes()));
    change.port().ifPresent(port -> out.attributeU16(Device.LISTEN_PORT, port));
    int from = out.length();
    boolean open = false;
    for (WireGuardChange.PeerChange each : change.peers()) {
      for (Fragment fragment : fragments(each)) {
        if (out.length() - from > FULL) {
          out.unnest();
          out.end();
          begin(out, family, device);
          from = out.length();
          open = false;
        }
        if (!open) {
          out.nest(Device.PEERS);
          open = true;
        }
        fragment(out, fragment);
      }
    }
    if (open) {
      out.unnest();
    }
    out.end();
  }

  private static void begin(NetlinkWriter out, int family, String device) {
    out.begin(family, ACK);
    GenericNetlink.header(out, SET_DEVICE, VERSION);
    out.attributeText(Device.IFNAME, device);
  }

  /// A part of one peer that fits one message.
  private record Fragment(
      WireGuardKey key, int flags, @Nullable WireGuardPeer settings, List<Prefix> allowed) {}

  private static List<Fragment> fragments(WireGuardChange.PeerChange change) {
    return switch (change) {
      case WireGuardChange.Remove(WireGuardKey key) ->
          List.of(new Fragment(key, REMOVE_ME, null, List.of()));
      case WireGuardChange.Put(WireGuardPeer peer, boolean ranges) -> {
        List<Prefix> all = ranges ? peer.allowed() : List.of();
        List<Fragment> parts = new ArrayList<>();
        List<Prefix> first = all.subList(0, Math.min(MOST_RANGES, all.size()));
        parts.add(new Fragment(peer.key(), ranges ? REPLACE_ALLOWED : 0, peer, first));
        for (int from = MOST_RANGES; from < all.size(); from += MOST_RANGES) {
          List<Prefix> more = all.subList(from, Math.min(from + MOST_RANGES, all.size()));
          parts.add(new Fragment(peer.key(), 0, null, more));
        }
        yield parts;
      }
    };
  }

  private static void fragment(NetlinkWriter out, Fragment fragment) {
    out.nest(0);
    out.attribute(Peer.PUBLIC_KEY, fragment.key().bytes());
    if (fragment.flags() != 0) {
      out.attributeU32(Peer.FLAGS, fragment.flags());
    }
    if (fragment.settings() != null) {
      fragment
          .settings()
          .endpoint()
          .ifPresent(endpoint -> out.attribute(Peer.ENDPOINT, socketAddress(endpoint)));
      out.attributeU16(Peer.KEEPALIVE, fragment.settings().keepaliveSeconds());
    }
    if (!fragment.allowed().isEmpty()) {
      out.nest(Peer.ALLOWED);
      for (Prefix range : fragment.allowed()) {
        out.nest(0);
        out.attributeU16(Allowed.FAMILY, range.family().addressFamily());
        out.attribute(Allowed.ADDRESS, range.address().bytes());
        out.attributeU8(Allowed.LENGTH, range.length());
        out.unnest();
      }
      out.unnest();
    }
    out.unnest();
  }

  /// `struct sockaddr_in` or `sockaddr_in6`: the family in the machine's order, the rest
  /// big-endian.
  private static byte[] socketAddress(TransportAddress endpoint) {
    IpAddress address = endpoint.address();
    boolean four = address.family() == IpFamily.IPV4;
    ByteBuffer bytes = ByteBuffer.allocate(four ? 16 : 28);
    bytes.order(ByteOrder.nativeOrder()).putShort((short) address.family().addressFamily());
    bytes.order(ByteOrder.BIG_ENDIAN).putShort((short) endpoint.port());
    if (!four) {
      bytes.putInt(0); // flow information
    }
    return bytes.put(address.bytes()).array();
  }

  /// Writes the question for all of a device; to be sent as a dump.
  static void get(NetlinkWriter out, int family, String device) {
    out.begin(family, 0);
    GenericNetlink.header(out, GET_DEVICE, VERSION);
    out.attributeText(Device.IFNAME, device);
    out.end();
  }

  /// Puts the messages of an answer together: the next one goes on where the one before ended, in
  /// the midst of a peer perhaps, which it names again then.
  static final class Reading {
    private Optional<WireGuardKey> key = Optional.empty();
    private int port;
    private final Map<WireGuardKey, WireGuardPeer> peers = new LinkedHashMap<>();

    void restart() {
      key = Optional.empty();
      port = 0;
      peers.clear();
    }

    void message(NetlinkReader payload) {
      payload.attributes(
          GENERIC_HEADER,
          (type, value) -> {
            switch (type) {
              case Device.PUBLIC_KEY -> key = key(value);
              case Device.LISTEN_PORT -> port = value.u16(0);
              case Device.PEERS -> value.attributes(0, (index, peer) -> peer(peer));
              default -> {}
            }
          });
    }

    private void peer(NetlinkReader nest) {
      List<Prefix> allowed = new ArrayList<>();
      WireGuardKey[] named = new WireGuardKey[1];
      TransportAddress[] endpoint = new TransportAddress[1];
      int[] keepalive = new int[1];
      long[] counts = new long[3];
      nest.attributes(
          0,
          (type, value) -> {
            switch (type) {
              case Peer.PUBLIC_KEY -> named[0] = key(value).orElse(null);
              case Peer.ENDPOINT -> endpoint[0] = endpoint(value);
              case Peer.KEEPALIVE -> keepalive[0] = value.u16(0);
              case Peer.HANDSHAKE -> counts[0] = number(value); // of a timespec, its seconds
              case Peer.RECEIVED -> counts[1] = number(value);
              case Peer.SENT -> counts[2] = number(value);
              case Peer.ALLOWED ->
                  value.attributes(0, (index, range) -> range(range).ifPresent(allowed::add));
              default -> {}
            }
          });
      if (named[0] == null) {
        return;
      }
      WireGuardPeer before = peers.get(named[0]);
      if (before != null) {
        List<Prefix> both = new ArrayList<>(before.allowed());
        both.addAll(allowed);
        peers.put(
            named[0],
            new WireGuardPeer(
                before.key(),
                before.endpoint(),
                both,
                before.keepaliveSeconds(),
                before.handshakeSeconds(),
                before.received(),
                before.sent()));
        return;
      }
      peers.put(
          named[0],
          new WireGuardPeer(
              named[0],
              Optional.ofNullable(endpoint[0]),
              allowed,
              keepalive[0],
              counts[0],
              counts[1],
              counts[2]));
    }

    WireGuardDevice device() {
      return new WireGuardDevice(key, port, List.copyOf(peers.values()));
    }
  }

  private static Optional<WireGuardKey> key(NetlinkReader value) {
    return value.length() == WireGuardKey.BYTES
        ? Optional.of(WireGuardKey.of(value.bytes()))
        : Optional.empty();
  }

  private static long number(NetlinkReader value) {
    byte[] bytes = value.bytes();
    return bytes.length < 8
        ? 0
        : Math.max(0, ByteBuffer.wrap(bytes).order(ByteOrder.nativeOrder()).getLong());
  }

  private static @Nullable TransportAddress endpoint(NetlinkReader value) {
    byte[] bytes = value.bytes();
    int family = value.u16(0);
    int port = value.bigEndian16(2);
    if (family == IpFamily.IPV4.addressFamily() && bytes.length >= 8) {
      return new TransportAddress(
          IpAddress.ofBytes(java.util.Arrays.copyOfRange(bytes, 4, 8)), port);
    }
    if (family == IpFamily.IPV6.addressFamily() && bytes.length >= 24) {
      return new TransportAddress(
          IpAddress.ofBytes(java.util.Arrays.copyOfRange(bytes, 8, 24)), port);
    }
    return null;
  }

  private static Optional<Prefix> range(NetlinkReader nest) {
    byte[][] address = {new byte[0]};
    int[] length = {-1};
    nest.attributes(
        0,
        (type, value) -> {
          if (type == Allowed.ADDRESS) {
            address[0] = value.bytes();
          } else if (type == Allowed.LENGTH) {
            length[0] = value.u8(0);
          }
        });
    boolean fits = address[0].length == 4 || address[0].length == 16;
    return fits && length[0] >= 0 && length[0] <= address[0].length * 8
        ? Optional.of(new Prefix(IpAddress.ofBytes(address[0]), length[0]))
        : Optional.empty();
  }
}
