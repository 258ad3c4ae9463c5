// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.ebpf;

import dev.fairway.linux.bpf.BpfLayout;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Protocol;
import dev.fairway.net.TransportAddress;
import dev.fairway.traffic.rules.Front;
import java.nio.ByteBuffer;
import java.util.function.BiConsumer;
import java.util.function.Function;

/// How keys and values lie in the maps. Addresses and ports are in the network's order; an IPv4
/// address is the mapped one of IPv6, so that what sockets of both families ask for is one key.
record SocketLayout<T>(int bytes, BiConsumer<T, ByteBuffer> writer, Function<ByteBuffer, T> reader)
    implements BpfLayout<T> {
  private static final long MAPPED = 0xffffL << 32;

  /// What happens at a front.
  ///
  /// @param list which list of endpoints it has
  /// @param count how many are in it
  /// @param affinityNanos how long a client keeps its own; 0 if it does not
  record Way(int list, int count, long affinityNanos) {}

  /// Where an endpoint stands.
  record Place(int list, int index) {}

  /// An endpoint of a front that a client may keep.
  record Member(Front front, TransportAddress endpoint) {}

  /// `address 16, port 2, protocol 1, zero 5`
  static final SocketLayout<Front> FRONT =
      new SocketLayout<>(
          24,
          (front, out) -> write(front.address(), front.port(), front.protocol().number(), out),
          in -> {
            TransportAddress at = readAddress(in);
            int protocol = in.get(in.position() - 6);
            return new Front(at.address(), protocol(protocol), at.port());
          });

  /// `address 16, port 2, zero 6`
  static final SocketLayout<TransportAddress> ENDPOINT =
      new SocketLayout<>(
          24,
          (endpoint, out) -> write(endpoint.address(), endpoint.port(), 0, out),
          SocketLayout::readAddress);

  static final SocketLayout<Way> WAY =
      new SocketLayout<>(
          16,
          (way, out) -> out.putInt(way.list).putInt(way.count).putLong(way.affinityNanos),
          in -> new Way(in.getInt(), in.getInt(), in.getLong()));

  static final SocketLayout<Place> PLACE =
      new SocketLayout<>(
          8,
          (place, out) -> out.putInt(place.list).putInt(place.index),
          in -> new Place(in.getInt(), in.getInt()));

  static final SocketLayout<Member> MEMBER =
      new SocketLayout<>(
          FRONT.bytes + ENDPOINT.bytes,
          (member, out) -> {
            FRONT.write(member.front, out);
            ENDPOINT.write(member.endpoint, out);
          },
          in -> new Member(FRONT.read(in), ENDPOINT.read(in)));

  /// What only programs read and write.
  static SocketLayout<byte[]> opaque(int bytes) {
    return new SocketLayout<>(
        bytes,
        (value, out) -> out.put(value),
        in -> {
          byte[] value = new byte[bytes];
          in.get(value);
          return value;
        });
  }

  private static void write(IpAddress address, int port, int protocol, ByteBuffer out) {
    boolean four = address.family() == IpFamily.IPV4;
    out.putLong(Long.reverseBytes(address.high()))
        .putLong(Long.reverseBytes(four ? MAPPED | address.low() : address.low()))
        .put((byte) (port >> 8))
        .put((byte) port)
        .put((byte) protocol)
        .put((byte) 0)
        .putInt(0);
  }

  private static TransportAddress readAddress(ByteBuffer in) {
    long high = Long.reverseBytes(in.getLong());
    long low = Long.reverseBytes(in.getLong());
    int port = Short.toUnsignedInt(Short.reverseBytes(in.getShort()));
    in.position(in.position() + 6);
    boolean four = high == 0 && (low & ~0xffff_ffffL) == MAPPED;
    IpAddress address =
        four
            ? new IpAddress(IpFamily.IPV4, 0, low & 0xffff_ffffL)
            : new IpAddress(IpFamily.IPV6, high, low);
    return new TransportAddress(address, port);
  }

  private static Protocol protocol(int number) {
    for (Protocol protocol : Protocol.values()) {
      if (protocol.number() == number) {
        return protocol;
      }
    }
    throw new IllegalArgumentException("protocol " + number);
  }

  @Override
  public void write(T value, ByteBuffer out) {
    writer.accept(value, out);
  }

  @Override
  public T read(ByteBuffer in) {
    return reader.apply(in);
  }
}
