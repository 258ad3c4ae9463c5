// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp.wire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fairway.bgp.wire.Message.Keepalive;
import dev.fairway.bgp.wire.Message.Open;
import dev.fairway.bgp.wire.Message.Reached;
import dev.fairway.bgp.wire.Message.RouteRefresh;
import dev.fairway.bgp.wire.Message.Update;
import dev.fairway.bgp.wire.PathAttributes.Aggregator;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

/// Messages to octets and back, golden octets, and octets without sense.
class MessagesTest {
  private static final SessionTerms INTERNAL =
      new SessionTerms(true, true, 4096, Set.of(IpFamily.IPV4, IpFamily.IPV6), true);
  private static final IpAddress ID = IpAddress.parse("10.99.0.1");

  private static Message back(ByteBuffer octets, SessionTerms terms) throws Exception {
    assertThat(MessageReader.length(octets, terms.longestMessage())).isEqualTo(octets.remaining());
    return MessageReader.read(octets.duplicate(), terms);
  }

  private static String hex(ByteBuffer octets) {
    byte[] all = new byte[octets.remaining()];
    octets.duplicate().get(all);
    return HexFormat.of().formatHex(all);
  }

  @Test
  void goldenOctets() {
    assertThat(hex(MessageWriter.write(new Keepalive())))
        .isEqualTo("ff".repeat(16) + "0013" + "04");
    assertThat(hex(MessageWriter.endOfRib(IpFamily.IPV4)))
        .isEqualTo("ff".repeat(16) + "0017" + "02" + "00000000");
    assertThat(hex(MessageWriter.endOfRib(IpFamily.IPV6)))
        .isEqualTo("ff".repeat(16) + "001d" + "02" + "0000" + "0006" + "800f03000201");
    assertThat(
            hex(
                MessageWriter.write(
                    new Open(
                        4_200_000_000L,
                        90,
                        ID,
                        List.of(new Capability.FourOctetAs(4_200_000_000L))))))
        .isEqualTo(
            "ff".repeat(16)
                + "0025"
                + "01"
                + "04"
                + "5ba0"
                + "005a"
                + "0a630001"
                + "08"
                + "02064104"
                + "fa56ea00");
    PathAttributes plain =
        PathAttributes.of(Origin.IGP, AsPath.of(65001L), IpAddress.parse("10.99.0.1"));
    assertThat(
            hex(
                MessageWriter.reached(
                        plain, IpFamily.IPV4, List.of(Prefix.parse("10.200.1.0/24")), INTERNAL)
                    .getFirst()))
        .isEqualTo(
            "ff".repeat(16)
                + "002f"
                + "02"
                + "0000"
                + "0014"
                + "4003040a630001"
                + "40010100"
                + "4002060201"
                + "0000fde9"
                + "180ac801");
  }

  @Test
  void openAndItsCapabilities() throws Exception {
    Open open =
        new Open(
            4_200_000_000L,
            180,
            ID,
            List.of(
                new Capability.MultiProtocol(IpFamily.IPV4),
                new Capability.MultiProtocol(IpFamily.IPV6),
                new Capability.RouteRefresh(),
                new Capability.EnhancedRouteRefresh(),
                new Capability.FourOctetAs(4_200_000_000L),
                new Capability.ExtendedMessages(),
                new Capability.ExtendedNextHop(),
                new Capability.GracefulRestart(
                    true, 4095, Map.of(IpFamily.IPV4, true, IpFamily.IPV6, false)),
                new Capability.Unknown(73, new byte[] {1, 2, 3})));
    assertThat(back(MessageWriter.write(open), INTERNAL)).isEqualTo(open);
  }

  @Test
  void theOthers() throws Exception {
    for (Message message :
        List.of(
            new Keepalive(),
            new RouteRefresh(Optional.of(IpFamily.IPV6), RouteRefresh.BEGIN),
            Notification.of(Notification.HOLD_TIMER, 0),
            Notification.shutdown(Notification.ADMINISTRATIVE_SHUTDOWN, "back at 10:00"))) {
      assertThat(back(MessageWriter.write(message), INTERNAL)).isEqualTo(message);
    }
    assertThat(
            Notification.shutdown(Notification.ADMINISTRATIVE_SHUTDOWN, "ä".repeat(200))
                .communication())
        .contains("ä".repeat(127));
  }

  private static PathAttributes everything(IpAddress hop) {
    return new AttributesEdit(hop)
        .origin(Origin.INCOMPLETE)
        .asPath(
            new AsPath(
                List.of(
                    new AsPath.Segment(AsPath.Kind.SEQUENCE, List.of(65001L, 4_200_000_000L)),
                    new AsPath.Segment(AsPath.Kind.SET, List.of(1L, 2L)))))
        .med(Optional.of(4_000_000_000L))
        .localPreference(Optional.of(200L))
        .atomicAggregate(true)
        .aggregator(Optional.of(new Aggregator(70_000, ID)))
        .communities(List.of(Community.NO_EXPORT, Community.of(65001, 7)))
        .extendedCommunities(List.of(new ExtendedCommunity(0x0002_fde9_0000_0001L)))
        .largeCommunities(List.of(LargeCommunity.of(4_200_000_000L, 1, 2)))
        .originatorId(Optional.of(ID))
        .clusterList(List.of(ID, IpAddress.parse("1.2.3.4")))
        .unknown(List.of(new UnknownAttribute(0xe0, 99, new byte[300])))
        .done();
  }

  @Test
  void allAttributesThroughTheWire() throws Exception {
    IpAddress hop = IpAddress.parse("10.99.0.1");
    IpAddress hop6 = IpAddress.parse("fd99::1");
    for (SessionTerms terms :
        List.of(INTERNAL, new SessionTerms(true, false, 65535, INTERNAL.families(), true))) {
      for (IpFamily family : IpFamily.values()) {
        for (IpAddress nextHop : family == IpFamily.IPV4 ? List.of(hop, hop6) : List.of(hop6)) {
          Prefix prefix = Prefix.parse(family == IpFamily.IPV4 ? "10.1.2.0/23" : "fd00:1::/33");
          PathAttributes attributes = everything(nextHop);
          List<ByteBuffer> messages =
              MessageWriter.reached(attributes, family, List.of(prefix), terms);
          Update update = (Update) back(messages.getFirst(), terms);
          assertThat(update.faults()).isEmpty();
          assertThat(update.reached()).containsExactly(new Reached(attributes, List.of(prefix)));
        }
      }
    }
  }

  @Test
  void manyPrefixesArePacked() throws Exception {
    for (IpFamily family : IpFamily.values()) {
      Prefix all = Prefix.parse(family == IpFamily.IPV4 ? "10.0.0.0/8" : "fd00::/16");
      List<Prefix> prefixes = new ArrayList<>();
      for (int i = 0; i < 5000; i++) {
        prefixes.add(all.subnet(family == IpFamily.IPV4 ? 24 : 48, i));
      }
      IpAddress hop = IpAddress.parse(family == IpFamily.IPV4 ? "10.99.0.1" : "fd99::1");
      PathAttributes attributes =
          PathAttributes.of(Origin.IGP, AsPath.EMPTY, hop)
              .edit()
              .localPreference(Optional.of(100L))
              .done();
      List<Prefix> read = new ArrayList<>();
      List<ByteBuffer> messages = MessageWriter.reached(attributes, family, prefixes, INTERNAL);
      for (ByteBuffer message : messages) {
        Update update = (Update) back(message, INTERNAL);
        read.addAll(update.reached().getFirst().prefixes());
      }
      assertThat(read).isEqualTo(prefixes);
      assertThat(messages).hasSizeLessThan(family == IpFamily.IPV4 ? 7 : 12);
      read.clear();
      for (ByteBuffer message : MessageWriter.withdrawn(family, prefixes, INTERNAL)) {
        read.addAll(((Update) back(message, INTERNAL)).withdrawn());
      }
      assertThat(read).isEqualTo(prefixes);
    }
  }

  @Test
  void endOfRibIsKnown() throws Exception {
    for (IpFamily family : IpFamily.values()) {
      assertThat(((Update) back(MessageWriter.endOfRib(family), INTERNAL)).endOfRib())
          .contains(family);
    }
  }

  @Test
  void headersThatAreNone() {
    for (String header :
        List.of(
            "fe" + "ff".repeat(15) + "001304",
            "ff".repeat(16) + "001204",
            "ff".repeat(16) + "001404",
            "ff".repeat(16) + "100102",
            "ff".repeat(16) + "001702".replace("02", "09"),
            "ff".repeat(16) + "001c01")) {
      assertThatThrownBy(
              () -> MessageReader.length(ByteBuffer.wrap(HexFormat.of().parseHex(header)), 4096))
          .isInstanceOfSatisfying(
              ProtocolException.class, e -> assertThat(e.notification().code()).isEqualTo(1));
    }
  }

  /// Whatever comes: a message, or an error of the protocol, and nothing else.
  @Test
  void octetsWithoutSense() throws Exception {
    Random random = new Random(4271);
    List<byte[]> seeds = new ArrayList<>();
    for (ByteBuffer seed :
        List.of(
            MessageWriter.write(
                new Open(
                    65001,
                    90,
                    ID,
                    List.of(
                        new Capability.MultiProtocol(IpFamily.IPV6),
                        new Capability.GracefulRestart(false, 120, Map.of(IpFamily.IPV4, true)),
                        new Capability.ExtendedNextHop()))),
            MessageWriter.reached(
                    everything(IpAddress.parse("fd99::1")),
                    IpFamily.IPV6,
                    List.of(Prefix.parse("fd00:1::/48"), Prefix.parse("fd00:2::/64")),
                    INTERNAL)
                .getFirst(),
            MessageWriter.reached(
                    everything(ID), IpFamily.IPV4, List.of(Prefix.parse("10.0.0.0/9")), INTERNAL)
                .getFirst(),
            MessageWriter.withdrawn(IpFamily.IPV6, List.of(Prefix.parse("fd00:1::/48")), INTERNAL)
                .getFirst(),
            MessageWriter.write(Notification.shutdown(2, "hello")),
            MessageWriter.write(new RouteRefresh(Optional.of(IpFamily.IPV4), 0)))) {
      byte[] octets = new byte[seed.remaining()];
      seed.get(octets);
      seeds.add(octets);
    }
    int messages = 0;
    for (int round = 0; round < 60_000; round++) {
      byte[] octets = seeds.get(random.nextInt(seeds.size())).clone();
      for (int i = random.nextInt(6); i >= 0; i--) {
        octets[18 + random.nextInt(octets.length - 18)] = (byte) random.nextInt(256);
      }
      ByteBuffer message = ByteBuffer.wrap(octets);
      try {
        if (MessageReader.length(message, 4096) == octets.length) {
          SessionTerms terms =
              new SessionTerms(
                  random.nextBoolean(), random.nextBoolean(), 4096, INTERNAL.families(), true);
          MessageReader.read(message, terms);
          messages++;
        }
      } catch (ProtocolException e) {
        assertThat(e.notification().code()).isBetween(1, 7);
      }
    }
    assertThat(messages).isGreaterThan(10_000);
  }
}
