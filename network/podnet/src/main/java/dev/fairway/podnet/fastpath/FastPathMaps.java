// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.fastpath;

import dev.fairway.linux.bpf.BpfCounters;
import dev.fairway.linux.bpf.BpfLayout;
import dev.fairway.linux.bpf.BpfMap;
import dev.fairway.linux.bpf.BpfProgram;
import dev.fairway.net.Bypass;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.MacAddress;
import dev.fairway.net.Prefix;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// What the program knows.
record FastPathMaps(
    BpfMap<Integer, Sender> senders,
    BpfMap<IpAddress, Receiver> receivers,
    BpfMap<Integer, byte[]> connections,
    BpfMap<byte[], byte[]> reserve,
    BpfMap<Integer, Integer> changes,
    BpfMap<Prefix, Integer> podRanges,
    BpfMap<Integer, Integer> ways,
    BpfCounters outcomes)
    implements AutoCloseable {
  static final String SENDERS = "senders";
  static final String RECEIVERS = "receivers";
  static final String CONNECTIONS = "connections";
  static final String RESERVE = "reserve";
  static final String CHANGES = "changes";
  static final String POD_RANGES = "pod_ranges";
  static final String WAYS = "ways";
  static final String OUTCOMES = "outcomes";

  private static final int MOST_PODS = 16_384;

  /// TCP connections of this node's pods that are open at a time; of more, those used least lately
  /// are forgotten, which matters only where a port is used twice. About 2 MB.
  private static final int MOST_IN_RESERVE = 16_384;

  /// What other nodes have, some ranges each; pods of more are reached by the stack.
  static final int MOST_POD_RANGES = 65_536;

  private static final int MOST_WAYS = 1024;

  /// Who lives behind a link.
  ///
  /// @param ipv4 where there is one
  /// @param ipv6 where there is one
  record Sender(
      MacAddress mac, boolean needsStack, Optional<IpAddress> ipv4, Optional<IpAddress> ipv6) {}

  /// Where an address lives.
  record Receiver(int link, MacAddress mac, boolean needsStack) {}

  static FastPathMaps create() {
    return new FastPathMaps(
        BpfMap.create(
            new BpfMap.Spec<>(
                BpfMap.Kind.HASH, SENDERS, BpfLayout.NUMBER, new SenderLayout(), MOST_PODS)),
        BpfMap.create(
            new BpfMap.Spec<>(
                BpfMap.Kind.HASH,
                RECEIVERS,
                new AddressLayout(),
                new ReceiverLayout(),
                2 * MOST_PODS)),
        BpfMap.create(connectionsSpec()),
        BpfMap.create(reserveSpec()),
        BpfMap.create(
            new BpfMap.Spec<>(BpfMap.Kind.ARRAY, CHANGES, BpfLayout.NUMBER, BpfLayout.NUMBER, 1)),
        BpfMap.create(
            new BpfMap.Spec<>(
                BpfMap.Kind.LPM_TRIE,
                POD_RANGES,
                new PrefixLayout(),
                BpfLayout.NUMBER,
                MOST_POD_RANGES)),
        BpfMap.create(
            new BpfMap.Spec<>(
                BpfMap.Kind.HASH, WAYS, BpfLayout.NUMBER, BpfLayout.NUMBER, MOST_WAYS)),
        BpfCounters.create(OUTCOMES, Outcome.values().length));
  }

  BpfProgram.Objects objects() {
    return new BpfProgram.Objects()
        .with(senders)
        .with(receivers)
        .with(connections)
        .with(reserve)
        .with(changes)
        .with(podRanges)
        .with(ways)
        .with(outcomes);
  }

  private static BpfMap.Spec<Integer, byte[]> connectionsSpec() {
    return new BpfMap.Spec<>(
        BpfMap.Kind.ALIGNED_ARRAY,
        CONNECTIONS,
        BpfLayout.NUMBER,
        new Octets(ConnectionCode.PLACE_BYTES),
        1 << ConnectionCode.PLACE_BITS);
  }

  private static BpfMap.Spec<byte[], byte[]> reserveSpec() {
    return new BpfMap.Spec<>(
        BpfMap.Kind.LRU_HASH,
        RESERVE,
        new Octets(ConnectionCode.OPENER_BYTES),
        new Octets(ConnectionCode.OPENED_BYTES),
        MOST_IN_RESERVE);
  }

  /// What [#connections] and [#reserve] hold.
  List<Bypass.Begun> begun() {
    List<Bypass.Begun> begun = new ArrayList<>();
    addPlaces(connections, begun);
    addReserve(reserve, begun);
    return begun;
  }

  /// What a program of an earlier agent has gathered; nothing if it keeps that otherwise.
  static List<Bypass.Begun> begun(BpfProgram earlier) {
    List<Bypass.Begun> begun = new ArrayList<>();
    BpfMap.of(earlier, connectionsSpec())
        .ifPresent(map -> {
          try (map) {
            addPlaces(map, begun);
          }
        });
    BpfMap.of(earlier, reserveSpec())
        .ifPresent(map -> {
          try (map) {
            addReserve(map, begun);
          }
        });
    return begun;
  }

  private static void addPlaces(BpfMap<Integer, byte[]> connections, List<Bypass.Begun> begun) {
    for (byte[] place : connections.values()) {
      ConnectionCode.begun(place).ifPresent(begun::add);
    }
  }

  private static void addReserve(BpfMap<byte[], byte[]> reserve, List<Bypass.Begun> begun) {
    for (byte[] key : reserve.keys()) {
      reserve.get(key).ifPresent(opened -> begun.add(ConnectionCode.begun(key, opened)));
    }
  }

  @Override
  public void close() {
    senders.close();
    receivers.close();
    connections.close();
    reserve.close();
    changes.close();
    podRanges.close();
    ways.close();
    outcomes.close();
  }

  /// Sixteen bytes for both families (RFC 4291, section 2.5.5.2).
  record AddressLayout() implements BpfLayout<IpAddress> {
    @Override
    public int bytes() {
      return 16;
    }

    @Override
    public void write(IpAddress address, ByteBuffer out) {
      if (address.family() == IpFamily.IPV4) {
        out.putLong(0).putInt(0xffff_0000); // in the machine's order: 00 00 ff ff
      }
      out.put(address.bytes());
    }

    @Override
    public IpAddress read(ByteBuffer in) {
      byte[] octets = new byte[16];
      in.get(octets);
      ByteBuffer words = ByteBuffer.wrap(octets).order(ByteOrder.BIG_ENDIAN);
      return words.getLong(0) == 0 && words.getInt(8) == 0xffff
          ? IpAddress.ofIpv4(words.getInt(12))
          : IpAddress.ofBytes(octets);
    }
  }

  /// `struct bpf_lpm_trie_key`
  private record PrefixLayout() implements BpfLayout<Prefix> {
    @Override
    public int bytes() {
      return 20;
    }

    @Override
    public void write(Prefix prefix, ByteBuffer out) {
      out.putInt(prefix.length() + 128 - prefix.family().addressBits());
      new AddressLayout().write(prefix.address(), out);
    }

    @Override
    public Prefix read(ByteBuffer in) {
      int length = in.getInt();
      IpAddress address = new AddressLayout().read(in);
      return new Prefix(address, length - 128 + address.family().addressBits());
    }
  }

  private record SenderLayout() implements BpfLayout<Sender> {
    @Override
    public int bytes() {
      return 32;
    }

    @Override
    public void write(Sender sender, ByteBuffer out) {
      out.put(sender.mac.bytes()).putShort((short) (sender.needsStack ? 1 : 0));
      sender.ipv4.ifPresent(address -> out.put(8, address.bytes()));
      sender.ipv6.ifPresent(address -> out.put(16, address.bytes()));
    }

    @Override
    public Sender read(ByteBuffer in) {
      MacAddress mac = mac(in);
      boolean needsStack = in.getShort() != 0;
      return new Sender(mac, needsStack, address(in, 8, 4), address(in, 16, 16));
    }

    private static Optional<IpAddress> address(ByteBuffer in, int at, int bytes) {
      byte[] octets = new byte[bytes];
      in.get(at, octets);
      IpAddress address = IpAddress.ofBytes(octets);
      return address.high() == 0 && address.low() == 0 ? Optional.empty() : Optional.of(address);
    }
  }

  private record ReceiverLayout() implements BpfLayout<Receiver> {
    @Override
    public int bytes() {
      return 12;
    }

    @Override
    public void write(Receiver receiver, ByteBuffer out) {
      out.putInt(receiver.link)
          .put(receiver.mac.bytes())
          .putShort((short) (receiver.needsStack ? 1 : 0));
    }

    @Override
    public Receiver read(ByteBuffer in) {
      return new Receiver(in.getInt(), mac(in), in.getShort() != 0);
    }
  }

  private static MacAddress mac(ByteBuffer in) {
    byte[] octets = new byte[MacAddress.BYTES];
    in.get(octets);
    return MacAddress.ofBytes(octets);
  }

  /// What only the program reads.
  private record Octets(int bytes) implements BpfLayout<byte[]> {
    @Override
    public void write(byte[] value, ByteBuffer out) {
      out.put(value);
    }

    @Override
    public byte[] read(ByteBuffer in) {
      byte[] value = new byte[bytes];
      in.get(value);
      return value;
    }
  }
}
