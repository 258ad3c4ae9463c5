// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux.wireguard;

import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import dev.fairway.net.TransportAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// The text protocol of WireGuards in user space (<https://www.wireguard.com/xplatform/>): lines of
/// `key=value`, ended by an empty one. Pure.
final class UserspaceText {
  static final String GET = "get=1\n\n";

  private UserspaceText() {}

  /// What `get` gave.
  ///
  /// @param errno 0 if it is a device, else why not
  record Answer(int errno, WireGuardDevice device) {}

  /// A `set` that holds the private key, if one is to be set: never to be logged.
  static String set(WireGuardChange change) {
    StringBuilder text = new StringBuilder("set=1\n");
    change.secret().ifPresent(secret -> line(text, "private_key", secret.hex()));
    change.port().ifPresent(port -> line(text, "listen_port", String.valueOf(port)));
    for (WireGuardChange.PeerChange each : change.peers()) {
      switch (each) {
        case WireGuardChange.Remove(WireGuardKey key) -> {
          line(text, "public_key", key.hex());
          line(text, "remove", "true");
        }
        case WireGuardChange.Put(WireGuardPeer peer, boolean ranges) -> put(text, peer, ranges);
      }
    }
    return text.append('\n').toString();
  }

  private static void put(StringBuilder text, WireGuardPeer peer, boolean ranges) {
    line(text, "public_key", peer.key().hex());
    peer.endpoint().ifPresent(endpoint -> line(text, "endpoint", endpoint.toString()));
    // The ranges before the keepalive, whose first packet may be answered at once.
    if (ranges) {
      line(text, "replace_allowed_ips", "true");
      peer.allowed().forEach(range -> line(text, "allowed_ip", range.toString()));
    }
    line(text, "persistent_keepalive_interval", String.valueOf(peer.keepaliveSeconds()));
  }

  private static void line(StringBuilder text, String key, String value) {
    text.append(key).append('=').append(value).append('\n');
  }

  /// The parts of a peer as they come.
  private static final class Peer {
    final WireGuardKey key;
    final List<Prefix> allowed = new ArrayList<>();
    @Nullable TransportAddress endpoint;
    int keepalive;
    long handshake;
    long received;
    long sent;

    Peer(WireGuardKey key) {
      this.key = key;
    }

    void take(String name, String value) {
      switch (name) {
        case "endpoint" -> endpoint = endpoint(value).orElse(null);
        case "allowed_ip" -> allowed.add(Prefix.parse(value));
        case "persistent_keepalive_interval" -> keepalive = (int) number(value, 65535);
        case "last_handshake_time_sec" -> handshake = number(value, Long.MAX_VALUE);
        case "rx_bytes" -> received = number(value, Long.MAX_VALUE);
        case "tx_bytes" -> sent = number(value, Long.MAX_VALUE);
        default -> {} // what other versions have besides
      }
    }

    WireGuardPeer done() {
      return new WireGuardPeer(
          key, Optional.ofNullable(endpoint), allowed, keepalive, handshake, received, sent);
    }
  }

  /// Reads the answer to a `get`, or to a `set`, which has only an error number.
  ///
  /// @throws IllegalArgumentException if it is none; the message quotes nothing of it
  static Answer read(String text) {
    Optional<WireGuardKey> own = Optional.empty();
    int port = 0;
    int errno = -1;
    List<WireGuardPeer> peers = new ArrayList<>();
    Peer peer = null;
    for (String line : text.split("\n", -1)) {
      int equals = line.indexOf('=');
      if (equals < 0) {
        continue;
      }
      String name = line.substring(0, equals);
      String value = line.substring(equals + 1);
      try {
        if (name.equals("errno")) {
          errno = Math.abs(Integer.parseInt(value.strip())); // some write it below 0
        } else if (name.equals("public_key")) {
          if (peer != null) {
            peers.add(peer.done());
          }
          peer = new Peer(WireGuardKey.ofHex(value));
        } else if (peer != null) {
          peer.take(name, value);
        } else if (name.equals("private_key")) {
          own = Optional.of(secret(value).publicKey());
        } else if (name.equals("listen_port")) {
          port = (int) number(value, 65535);
        }
      } catch (IllegalArgumentException e) {
        throw new IllegalArgumentException("its " + shown(name) + " cannot be read");
      }
    }
    if (errno < 0) {
      throw new IllegalArgumentException("it has no errno");
    }
    if (peer != null) {
      peers.add(peer.done());
    }
    return new Answer(errno, new WireGuardDevice(own, port, peers));
  }

  private static WireGuardSecret secret(String hex) {
    return WireGuardSecret.of(java.util.HexFormat.of().parseHex(hex));
  }

  private static String shown(String name) {
    return name.length() <= 40 && name.chars().allMatch(c -> c == '_' || (c >= 'a' && c <= 'z'))
        ? name
        : "text";
  }

  private static long number(String text, long most) {
    // Some versions write a handshake that never was as the time of Go's zero, below 1970.
    long number = Math.max(0, Long.parseLong(text.strip()));
    if (number > most) {
      throw new IllegalArgumentException("a number is too large");
    }
    return number;
  }

  /// Empty for what has no place in an address here, such as one with a zone (`fe80::1%eth0`), by
  /// which a peer may come: the rest of the answer is as good as before.
  private static Optional<TransportAddress> endpoint(String text) {
    int colon = text.lastIndexOf(':');
    if (colon < 0) {
      return Optional.empty();
    }
    String address = text.substring(0, colon);
    if (address.startsWith("[") && address.endsWith("]")) {
      address = address.substring(1, address.length() - 1);
    }
    try {
      return Optional.of(
          new TransportAddress(
              IpAddress.parse(address), (int) number(text.substring(colon + 1), 65535)));
    } catch (IllegalArgumentException e) {
      return Optional.empty();
    }
  }
}
