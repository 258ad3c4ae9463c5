// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp.wire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fairway.bgp.wire.Message.Update;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import java.util.Set;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Each case of RFC 7606, as the octets that a neighbour would send.
class UpdateErrorsTest {
  private static final String ORIGIN = "40010100";
  private static final String PATH = "4002060201 0000fdea";
  private static final String HOP = "4003040a630002";
  private static final String GOOD = ORIGIN + PATH + HOP;
  private static final String ROUTE = "100a01";
  private static final String REACH6 =
      "800e1a 0002 01 10 fd990000000000000000000000000002 00 20 fd000001";

  private static SessionTerms terms(boolean internal) {
    return new SessionTerms(internal, true, 4096, Set.of(IpFamily.IPV4, IpFamily.IPV6), false);
  }

  private static ByteBuffer update(String withdrawn, String attributes, String routes) {
    byte[] w = HexFormat.of().parseHex(withdrawn.replace(" ", ""));
    byte[] a = HexFormat.of().parseHex(attributes.replace(" ", ""));
    byte[] r = HexFormat.of().parseHex(routes.replace(" ", ""));
    ByteBuffer message = ByteBuffer.allocate(23 + w.length + a.length + r.length);
    message.putLong(-1).putLong(-1).putShort((short) message.capacity()).put((byte) 2);
    message.putShort((short) w.length).put(w).putShort((short) a.length).put(a).put(r);
    return message.flip();
  }

  private static String fill(String text) {
    return text.replace("GOOD", GOOD)
        .replace("ORIGIN", ORIGIN)
        .replace("PATH", PATH)
        .replace("HOP", HOP)
        .replace("REACH6", REACH6);
  }

  @ParameterizedTest(name = "{0}")
  @CsvSource(
      textBlock =
          """
          # what,                        attributes after what is good,  session
          origin of length 2,            PATH HOP 4001020000,            external
          origin 3,                      PATH HOP 40010103,              external
          origin with optional bit,      PATH HOP c0010100,              external
          no origin,                     PATH HOP,                       external
          no path,                       ORIGIN HOP,                     external
          no next hop,                   ORIGIN PATH,                    external
          path with unknown segment,     ORIGIN HOP 4002060501 0000fdea, external
          path with confederation,       ORIGIN HOP 4002060301 0000fdea, external
          path with empty segment,       ORIGIN HOP 4002020200,          external
          path with cut segment,         ORIGIN HOP 4002060202 0000fdea, external
          path with one octet left,      ORIGIN HOP 4002070201 0000fdea 02, external
          path with AS 0,                ORIGIN HOP 4002060201 00000000, external
          next hop of length 3,          ORIGIN PATH 4003030a6300,       external
          next hop 0.0.0.0,              ORIGIN PATH 40030400000000,     external
          next hop 224.0.0.1,            ORIGIN PATH 400304e0000001,     external
          next hop 127.0.0.1,            ORIGIN PATH 4003047f000001,     external
          MED of length 3,               GOOD 800403000001,              external
          MED as transitive,             GOOD c0040400000001,            external
          communities of length 3,       GOOD c00803000001,              external
          no communities,                GOOD c00800,                    external
          extended communities of 4,     GOOD c0100400000001,            external
          large communities of 4,        GOOD c0200400000001,            external
          large communities of 0,        GOOD c02000,                    external
          local preference of length 3,  GOOD 400503000001,              internal
          no local preference,           GOOD,                           internal
          originator of length 3,        GOOD 40050400000064 800903000001, internal
          cluster list of length 3,      GOOD 40050400000064 800a03000001, internal
          cluster list of length 0,      GOOD 40050400000064 800a00,     internal
          attribute longer than all,     GOOD c008ff00000001,            external
          attributes end in a header,    GOOD c0,                        external
          extended length is cut,        GOOD d00800,                    external
          """)
  void treatedAsWithdrawn(String what, String attributes, String session) throws Exception {
    Update update =
        (Update)
            MessageReader.read(
                update("", fill(attributes), ROUTE), terms(session.equals("internal")));
    assertThat(update.reached()).isEmpty();
    assertThat(update.withdrawn()).containsExactly(Prefix.parse("10.1.0.0/16"));
    assertThat(update.faults()).isNotEmpty();
  }

  @ParameterizedTest(name = "{0}")
  @CsvSource(
      textBlock =
          """
          atomic aggregate of length 1,      GOOD 40060101,                     external
          aggregator of length 6,            GOOD c00706 fdea0a630002,          external
          AS4_PATH from a 4-octet speaker,   GOOD c01106 0201 0000fdea,         external
          AS4_AGGREGATOR from such,          GOOD c01208 0000fdea0a630002,      external
          local preference from outside,     GOOD 40050400000064,               external
          originator from outside,           GOOD 8009040a630002,               external
          cluster list from outside,         GOOD 800a040a630002,               external
          origin twice,                      GOOD 40010102,                     external
          unknown twice,                     GOOD c0630101 c0630102,            external
          """)
  void attributeIsLeftOut(String what, String attributes, String session) throws Exception {
    Update update = (Update) MessageReader.read(update("", fill(attributes), ROUTE), terms(false));
    assertThat(update.withdrawn()).isEmpty();
    assertThat(update.faults()).isNotEmpty();
    PathAttributes kept = update.reached().getFirst().attributes();
    assertThat(kept.origin()).isEqualTo(Origin.IGP);
    assertThat(kept.atomicAggregate()).isFalse();
    assertThat(kept.aggregator()).isEmpty();
    assertThat(kept.localPreference()).isEmpty();
    assertThat(kept.originatorId()).isEmpty();
    assertThat(kept.clusterList()).isEmpty();
    assertThat(kept.asPath()).isEqualTo(AsPath.of(65002L));
    assertThat(kept.unknown()).hasSizeLessThanOrEqualTo(1);
  }

  @ParameterizedTest(name = "{0}")
  @CsvSource(
      textBlock =
          """
          prefix of 33 bits,             '',      GOOD,                    210a01000000, 10
          prefix is cut,                 '',      GOOD,                    180a01,       10
          withdrawn prefix of 33 bits,   210a01000000, '',                 '',           10
          withdrawn prefix is cut,       180a01,  '',                      '',           10
          unknown well-known attribute,  '',      GOOD 406301ff,           100a01,       2
          MP_REACH twice,                '',      GOOD REACH6 REACH6,      100a01,       1
          MP_UNREACH twice,              '',      800f03000201800f03000201, '',          1
          MP_REACH too short,            '',      GOOD 800e0400020110,     100a01,       9
          MP_REACH with next hop of 5,   '',      GOOD 800e0a 0002 01 05 0102030405 00, 100a01, 9
          MP_REACH with cut next hop,    '',      GOOD 800e06 0002 01 10 0102, 100a01,   9
          MP_REACH with prefix of 129,   '',      ORIGIN PATH 800e17 0002 01 10 fd990000000000000000000000000002 00 81 ff, '', 9
          MP_UNREACH too short,          '',      800f020002,              '',           9
          MP_UNREACH with cut prefix,    '',      800f05000201 40fd,       '',           9
          an error and no routes,        '',      PATH HOP 40010103,       '',           1
          """)
  void sessionEnds(String what, String withdrawn, String attributes, String routes, int subcode) {
    assertThatThrownBy(
            () -> MessageReader.read(update(withdrawn, fill(attributes), routes), terms(false)))
        .isInstanceOfSatisfying(
            ProtocolException.class,
            e ->
                assertThat(e.notification())
                    .isEqualTo(Notification.of(Notification.UPDATE, subcode)));
  }

  @ParameterizedTest
  @CsvSource({"ffff,0", "0001,ffff"})
  void lengthsThatDoNotFit(String withdrawnLength, String attributesLength) {
    ByteBuffer message = update("", GOOD, ROUTE);
    message.putShort(19, (short) Integer.parseInt(withdrawnLength, 16));
    if (!attributesLength.equals("0")) {
      message.putShort(19, (short) 0);
      message.putShort(21, (short) Integer.parseInt(attributesLength, 16));
    }
    assertThatThrownBy(() -> MessageReader.read(message, terms(false)))
        .isInstanceOf(ProtocolException.class);
  }

  @ParameterizedTest
  @CsvSource({"GOOD 40050400000064 8009040a630009 800a040a630008,true", "GOOD REACH6,false"})
  void goodOnesAreGood(String attributes, boolean internal) throws Exception {
    Update update =
        (Update) MessageReader.read(update("", fill(attributes), ROUTE), terms(internal));
    assertThat(update.faults()).isEmpty();
    assertThat(update.withdrawn()).isEmpty();
    assertThat(update.reached()).hasSize(internal ? 1 : 2);
  }
}
