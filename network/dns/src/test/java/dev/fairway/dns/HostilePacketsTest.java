// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.time.Duration;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// What broke other implementations (RFC 9267): as questions, as answers of an upstream, and on the
/// wire to a server that runs.
class HostilePacketsTest {
  /// A response to `a. A` with one answer, which the cases write from octet 19 on.
  private static final String RESPONSE = "1234 8180 0001 0001 0000 0000 0161 00 0001 0001 ";

  private static final String QUERY = "1234 0100 ";

  private static byte[] octets(String hex) {
    return HexFormat.of().parseHex(hex.replace(" ", ""));
  }

  @ParameterizedTest
  @CsvSource({
    "owner points at itself,            c013 0001 0001 00000005 0004 0a000001",
    "owner points forward,              c020 0001 0001 00000005 0004 0a000001",
    "owners point at each other,        c015 c013 0001 0001 00000005 0000",
    "owner points into its own label,   0161 c013 0001 0001 00000005 0000",
    "target points at itself,           c00c 0005 0001 00000005 0002 c01f",
    "target points past the end,        c00c 0005 0001 00000005 0002 ffff",
    "target goes round,                 c00c 0005 0001 00000005 0004 0162 c01f",
    "label of an unknown kind,          8061 0001 0001 00000005 0004 0a000001",
    "length beyond the message,         c00c 0001 0001 00000005 ffff 0a000001",
    "length without data,               c00c 0001 0001 00000005 0004",
    "address too short,                 c00c 0001 0001 00000005 0003 0a0000",
    "address too long,                  c00c 0001 0001 00000005 0005 0a00000101",
    "IPv6 address of four octets,       c00c 001c 0001 00000005 0004 0a000001",
    "data ends within its name,         c00c 0005 0001 00000005 0001 c00c",
    "name ends before its data,         c00c 0005 0001 00000005 0004 c00c 0000",
    "name over the end of its data,     c00c 0005 0001 00000005 0002 3f61",
    "mail exchange without a name,      c00c 000f 0001 00000005 0002 000a",
    "SRV without a target,              c00c 0021 0001 00000005 0006 000000640050",
    "half a SOA record,                 c00c 0006 0001 00000005 0008 c00c c00c 00000001",
    "no record at all,                  00",
    "half a type,                       c00c 00",
  })
  void refusesAnswers(String what, String answer) {
    byte[] message = octets(RESPONSE + answer);
    assertThatThrownBy(() -> Message.read(message, message.length))
        .as(what)
        .isInstanceOf(MalformedMessage.class);
  }

  @ParameterizedTest
  @CsvSource({
    "two answers promised and one there, 0001 0002 0000 0000",
    "65535 answers,                      0001 ffff 0000 0000",
    "65535 authorities,                  0001 0001 ffff 0000",
    "65535 extras,                       0001 0001 0000 ffff",
    "no question counted,                0000 0001 0000 0000",
    "two questions counted,              0002 0001 0000 0000",
  })
  void refusesCountsThatLie(String what, String counts) {
    byte[] message =
        octets("1234 8180" + counts + "0161 00 0001 0001 c00c 0001 0001 00000005 0004 0a000001");
    assertThatThrownBy(() -> Message.read(message, message.length))
        .as(what)
        .isInstanceOf(MalformedMessage.class);
  }

  @Test
  void refusesANameThatPointersMakeTooLong() {
    String label = "3f" + "61".repeat(63);
    String question = label.repeat(3) + "00 0001 0001";
    byte[] fits =
        octets(
            "1234 8180 0001 0001 0000 0000"
                + question
                + "3d"
                + "61".repeat(61)
                + "c00c 0001 0001 00000005 0004 0a000001");
    byte[] tooLong =
        octets(
            "1234 8180 0001 0001 0000 0000"
                + question
                + label
                + "c00c 0001 0001 00000005 0004 0a000001");
    try {
      assertThat(Message.read(fits, fits.length).answers().getFirst().name().wire()).hasSize(255);
    } catch (MalformedMessage e) {
      throw new AssertionError(e);
    }
    assertThatThrownBy(() -> Message.read(tooLong, tooLong.length))
        .isInstanceOf(MalformedMessage.class);
  }

  @ParameterizedTest
  @CsvSource({
    "no question,                  0000 0000 0000 0000, ''",
    "no question but one counted,  0001 0000 0000 0000, ''",
    "two questions,                0002 0000 0000 0000, 0161 00 0001 0001 0161 00 0001 0001",
    "an answer,                    0001 0001 0000 0000, 0161 00 0001 0001 c00c 0001 0001 00000005 0004 0a000001",
    "an authority counted,         0001 0000 0001 0000, 0161 00 0001 0001",
    "an extra that is not there,   0001 0000 0000 0001, 0161 00 0001 0001",
    "33 extras counted,            0001 0000 0000 0021, 0161 00 0001 0001",
    "65535 extras counted,         0001 0000 0000 ffff, 0161 00 0001 0001 00 0029 04d0 00000000 0000",
    "OPT with a name,              0001 0000 0000 0001, 0161 00 0001 0001 0162 00 0029 04d0 00000000 0000",
    "OPT with more than there is,  0001 0000 0000 0001, 0161 00 0001 0001 00 0029 04d0 00000000 ffff",
    "two OPT records,              0001 0000 0000 0002, 0161 00 0001 0001 00 0029 04d0 00000000 0000 00 0029 04d0 00000000 0000",
    "128 labels,                   0001 0000 0000 0000, labels",
  })
  void refusesQuestions(String what, String counts, String rest) {
    String body = rest.equals("labels") ? "0161".repeat(128) + "00 0001 0001" : rest;
    byte[] message = octets(QUERY + counts + body);
    assertThat(Query.read(message, message.length))
        .as(what)
        .isEqualTo(new Query.Read.Wrong(0x1234, 0x0100, ResponseCode.FORMAT_ERROR));
  }

  /// Length octets and zeros within a label are a label's octets, never the name's shape.
  @Test
  void dotsAndZerosInLabelsStayInThem() {
    byte[] message = octets(QUERY + "0001 0000 0000 0000 03 612e62 02 6100 00 0001 0001");
    assertThat(Query.read(message, message.length))
        .isInstanceOfSatisfying(
            Query.Read.Asked.class,
            asked -> {
              assertThat(asked.query().name().toString()).isEqualTo("a\\.b.a\\000.");
              assertThat(asked.query().name().labelCount()).isEqualTo(2);
            });
  }

  @Test
  void aServerThatRunsGoesOn() throws Exception {
    try (DnsServer server = DnsServer.start(Cluster.config("cluster.local", List.of()));
        DatagramSocket socket = new DatagramSocket()) {
      server.set(Cluster.services(), Cluster.slices(), List.of());
      InetSocketAddress at = server.addresses().getFirst();
      byte[] good =
          octets(
              QUERY
                  + "0001 0000 0000 0001 0377656207 64656661756c74 03737663 07636c7573746572 056c6f63616c 00 0001 0001 00 0029 04d0 00000000 0000");
      Random random = new Random(9267);
      for (int i = 0; i < 20_000; i++) {
        byte[] bad = random.nextInt(4) == 0 ? new byte[random.nextInt(60)] : good.clone();
        if (bad.length != good.length) {
          random.nextBytes(bad);
        }
        for (int flips = random.nextInt(5); flips > 0 && bad.length > 0; flips--) {
          bad[random.nextInt(bad.length)] = (byte) random.nextInt();
        }
        int length = random.nextInt(3) == 0 ? random.nextInt(bad.length + 1) : bad.length;
        socket.send(new DatagramPacket(bad, length, at));
      }
      for (String framed :
          List.of("0000", "ffff 00", "0005 0102030405", "000c" + QUERY, "1001" + "00".repeat(20))) {
        try (Socket connection = new Socket(at.getAddress(), at.getPort())) {
          connection.getOutputStream().write(octets(framed));
        }
      }
      assertThat(
              Asking.until(
                  said -> said.contains("10.32.7.8"),
                  "dig",
                  "@" + at.getAddress().getHostAddress(),
                  "-p",
                  "" + at.getPort(),
                  "+tries=1",
                  "+time=2",
                  "web.default.svc.cluster.local"))
          .contains("status: NOERROR");
    }
  }

  /// An upstream that answers the right question with a record that lies.
  @ParameterizedTest
  @ValueSource(
      strings = {
        "c00c 0005 0001 00000005 0002 c0ff",
        "c00c 0001 0001 00000005 ffff 0a000001",
        "c00c 0001 0001 00000005 0003 0a0000",
        "c0ff 0001 0001 00000005 0004 0a000001",
      })
  void anUpstreamThatLiesIsNotHeard(String answer) throws Exception {
    byte[] record = octets(answer);
    AtomicInteger asked = new AtomicInteger();
    try (DatagramSocket liar = new DatagramSocket(0, InetAddress.getLoopbackAddress())) {
      Thread.ofPlatform().daemon().start(() -> lie(liar, record, asked));
      InetSocketAddress at = new InetSocketAddress(liar.getLocalAddress(), liar.getLocalPort());
      DnsConfig usual = Cluster.config("cluster.local", List.of(at));
      Forwarding hasty = new Forwarding(usual.forwarding().routes(), Duration.ofMillis(100), 100);
      try (DnsServer server = DnsServer.start(usual.withForwarding(hasty))) {
        InetSocketAddress own = server.addresses().getFirst();
        assertThat(
                Asking.run(
                    "dig",
                    "@127.0.0.1",
                    "-p",
                    "" + own.getPort(),
                    "+tries=1",
                    "+time=30",
                    "a.test"))
            .contains("status: SERVFAIL");
        assertThat(asked).hasPositiveValue();
      }
    }
  }

  private static void lie(DatagramSocket socket, byte[] record, AtomicInteger asked) {
    byte[] buffer = new byte[512];
    while (true) {
      try {
        DatagramPacket packet = new DatagramPacket(buffer, buffer.length);
        socket.receive(packet);
        asked.incrementAndGet();
        int end = 12;
        while (buffer[end] != 0) {
          end += 1 + buffer[end];
        }
        end += 5;
        byte[] answer = Arrays.copyOf(buffer, end + record.length);
        System.arraycopy(record, 0, answer, end, record.length);
        answer[2] = (byte) 0x81;
        answer[3] = (byte) 0x80;
        answer[7] = 1;
        answer[11] = 0;
        socket.send(new DatagramPacket(answer, answer.length, packet.getSocketAddress()));
      } catch (SocketException e) {
        return; // closed
      } catch (IOException e) {
        throw new AssertionError(e);
      }
    }
  }
}
