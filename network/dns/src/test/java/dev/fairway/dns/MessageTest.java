// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fairway.net.IpAddress;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.xbill.DNS.DClass;
import org.xbill.DNS.Flags;
import org.xbill.DNS.OPTRecord;
import org.xbill.DNS.Record;
import org.xbill.DNS.Section;
import org.xbill.DNS.Type;

/// The message code against hostile octets and against dnsjava.
class MessageTest {
  private static final String HEADER = "123401000001000000000000";

  /// RFC 9267 and its like: what broke other resolvers.
  @ParameterizedTest
  @CsvSource({
    "pointer to itself,                c00c 0001 0001",
    "pointer forward,                  c010 0001 0001 0161 00",
    "two pointers at each other,       c00e c00c 0001 0001",
    "pointer into the header,          c000 0001 0001",
    "pointer at the very end,          c0",
    "label over the end,               3f61",
    "label of kind 01,                 4161 00 0001 0001",
    "label of kind 10,                 8161 00 0001 0001",
    "no end of the name,               0161",
    "no type,                          0161 00",
    "half a class,                     0161 00 0001 00",
  })
  void refusesHostileQuestions(String what, String octets) {
    byte[] message = HexFormat.of().parseHex(HEADER + octets.replace(" ", ""));
    assertThat(Query.read(message, message.length))
        .as(what)
        .isEqualTo(new Query.Read.Wrong(0x1234, 0x0100, ResponseCode.FORMAT_ERROR));
  }

  @Test
  void refusesANameOfMoreThan255Octets() {
    String label = "3f" + "61".repeat(63);
    byte[] message = HexFormat.of().parseHex(HEADER + label.repeat(4) + "0000010001");
    assertThat(Query.read(message, message.length)).isInstanceOf(Query.Read.Wrong.class);
  }

  @Test
  void aChainOfPointersDownwardEnds() throws Exception {
    // 16,000 octets of pointers, each to the one before: linear, and refused only for its header.
    byte[] octets = new byte[16_000];
    for (int i = 2; i + 1 < octets.length; i += 2) {
      octets[i] = (byte) (0xc0 | (i - 2) >>> 8);
      octets[i + 1] = (byte) (i - 2);
    }
    WireReader reader = new WireReader(octets, octets.length);
    reader.skip(octets.length - 2);
    assertThat(reader.name()).isEqualTo(Name.ROOT);
  }

  @Test
  void staysSilentToResponsesAndScraps() {
    assertThat(Query.read(new byte[11], 11)).isInstanceOf(Query.Read.Ignored.class);
    byte[] response = HexFormat.of().parseHex("123481800001000000000000016100000100010000");
    assertThat(Query.read(response, response.length)).isInstanceOf(Query.Read.Ignored.class);
  }

  @Test
  void countsBeyondTheMessageAreRefused() {
    byte[] message = HexFormat.of().parseHex("12348180" + "0000ffffffffffff" + "00");
    assertThatThrownBy(() -> Message.read(message, message.length))
        .isInstanceOf(MalformedMessage.class);
  }

  @Test
  void noOctetsBreakTheReaders() {
    Random random = new Random(11);
    byte[] good = encode(randomReply(random), query(true), WireWriter.MAX_MESSAGE_BYTES);
    for (int i = 0; i < 200_000; i++) {
      byte[] octets;
      if (random.nextInt(3) == 0) {
        octets = new byte[random.nextInt(80)];
        random.nextBytes(octets);
      } else {
        octets = java.util.Arrays.copyOf(good, random.nextInt(good.length + 1));
        for (int flips = random.nextInt(6); flips > 0 && octets.length > 0; flips--) {
          octets[random.nextInt(octets.length)] = (byte) random.nextInt(256);
        }
        if (octets.length > 2) {
          octets[2] = (byte) (octets[2] & (random.nextBoolean() ? 0x7f : 0xff));
        }
      }
      if (Query.read(octets, octets.length) instanceof Query.Read.Asked(Query query)) {
        Reply.error(0).write(new WireWriter(), query, 512, true);
      }
      try {
        Message message = Message.read(octets, octets.length);
        new Reply(0, false, message.answers(), message.authorities(), message.extras())
            .write(new WireWriter(), query(false), 700, true);
      } catch (MalformedMessage expected) {
        assertThat(expected).hasMessageContaining("at octet");
      }
    }
  }

  /// What we write, dnsjava reads as the same records; what it writes, we read back the same.
  @Test
  void agreesWithDnsjava() throws Exception {
    Random random = new Random(5);
    for (int i = 0; i < 2000; i++) {
      Reply reply = randomReply(random);
      Query query = query(random.nextBoolean());
      byte[] ours = encode(reply, query, WireWriter.MAX_MESSAGE_BYTES);
      org.xbill.DNS.Message theirs = new org.xbill.DNS.Message(ours);
      assertThat(theirs.getHeader().getFlag(Flags.QR)).isTrue();
      assertThat(theirs.getHeader().getRcode() & 15).isEqualTo(reply.responseCode() & 15);
      assertThat(theirs.getQuestion().getName().toString()).isEqualTo("Web.db.svc.cluster.local.");
      assertThat(theirs.getSection(Section.ANSWER)).hasSameSizeAs(reply.answers());
      OPTRecord opt = theirs.getOPT();
      assertThat(opt == null).isEqualTo(query.edns() == null);

      byte[] again = theirs.toWire();
      Message read = Message.read(again, again.length);
      assertThat(read.answers()).isEqualTo(reply.answers());
      assertThat(read.authorities()).isEqualTo(reply.authorities());
      for (int r = 0; r < reply.answers().size(); r++) {
        Record record = theirs.getSection(Section.ANSWER).get(r);
        assertThat(record.getType()).isEqualTo(reply.answers().get(r).type());
        assertThat(record.getDClass()).isEqualTo(DClass.IN);
        assertThat(Type.string(record.getType())).isNotEmpty();
      }
    }
  }

  @Test
  void whatDoesNotFitIsLeftOutAndSaid() throws Exception {
    List<ResourceRecord> answers = new ArrayList<>();
    for (int i = 0; i < 100; i++) {
      answers.add(address("10.200.0." + i));
    }
    Reply reply = new Reply(0, true, answers, List.of(), List.of());
    for (int limit = 60; limit < 1800; limit += 7) {
      byte[] octets = encode(reply, query(true), limit);
      assertThat(octets.length).isLessThanOrEqualTo(limit);
      Message message = Message.read(octets, octets.length);
      assertThat(message.isTruncated()).isEqualTo(message.answers().size() < 100);
      assertThat(message.answers()).isEqualTo(answers.subList(0, message.answers().size()));
      assertThat(message.extras()).hasSize(1);
    }
  }

  private static byte[] encode(Reply reply, Query query, int limit) {
    WireWriter writer = new WireWriter();
    reply.write(writer, query, limit, true);
    return writer.toBytes();
  }

  private static Query query(boolean edns) {
    Name name = Name.parse("Web.db.svc.cluster.local");
    WireWriter writer = new WireWriter();
    writer.reset(512);
    writer.bytes(name.wire());
    writer.u16(RecordType.A);
    writer.u16(1);
    Query.Edns options = edns ? new Query.Edns(1232, 0, true) : null;
    return new Query(7, 0x0100, name, RecordType.A, 1, writer.toBytes(), options);
  }

  private static ResourceRecord address(String text) {
    return ResourceRecord.of(
        Name.parse("web.db.svc.cluster.local"), 5, new Rdata.Address(IpAddress.parse(text)));
  }

  private static Reply randomReply(Random random) {
    return new Reply(
        random.nextInt(6),
        random.nextBoolean(),
        randomRecords(random),
        randomRecords(random),
        randomRecords(random));
  }

  private static List<ResourceRecord> randomRecords(Random random) {
    List<ResourceRecord> records = new ArrayList<>();
    for (int i = random.nextInt(5); i > 0; i--) {
      Rdata data =
          switch (random.nextInt(7)) {
            case 0 -> new Rdata.Address(IpAddress.ofIpv4(random.nextInt()));
            case 1 -> new Rdata.Address(IpAddress.parse("fd00::" + random.nextInt(999)));
            case 2 -> new Rdata.Target(RecordType.CNAME, randomName(random));
            case 3 -> new Rdata.Srv(1, 2, random.nextInt(65_536), randomName(random));
            case 4 -> new Rdata.Soa(randomName(random), randomName(random), 1, 2, 3, 4, 5);
            case 5 -> new Rdata.MailExchange(10, randomName(random));
            default -> Rdata.Opaque.text("v=" + random.nextInt());
          };
      records.add(ResourceRecord.of(randomName(random), random.nextInt(1 << 30), data));
    }
    return records;
  }

  private static Name randomName(Random random) {
    Name name = random.nextBoolean() ? Name.parse("svc.cluster.local") : Name.parse("example.test");
    for (int i = random.nextInt(4); i > 0; i--) {
      name = name.child("abcdefgh".substring(0, 1 + random.nextInt(8)));
    }
    return name;
  }
}
