// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fairway.net.IpAddress;
import dev.fairway.net.TransportAddress;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DatagramBatchTest {
  private static final int PATIENCE_MILLIS = 30_000;

  @ParameterizedTest
  @CsvSource({
    "127.0.0.1, 127.0.0.1, false",
    "::1, ::1, true",
    "::, 127.0.0.1, false",
    "0.0.0.0, 127.0.0.1, false",
    "0.0.0.0, ::1, true",
  })
  void answersEachSender(String bound, String asked, boolean overIpv6) throws IOException {
    List<DatagramSocket> clients = new ArrayList<>();
    try (DatagramBatch batch = open(bound)) {
      InetAddress server = InetAddress.getByName(asked);
      for (int i = 0; i < 5; i++) {
        DatagramSocket client = new DatagramSocket();
        client.setSoTimeout(PATIENCE_MILLIS);
        client.connect(server, batch.localAddress().port());
        clients.add(client);
        byte[] text = ("question " + i).getBytes(StandardCharsets.US_ASCII);
        client.send(new DatagramPacket(text, text.length));
      }
      List<DatagramBatch.Sender> later = new ArrayList<>();
      byte[] bytes = new byte[DatagramBatch.MAX_BYTES];
      for (int seen = 0; seen < clients.size(); ) {
        int count = batch.receive();
        for (int i = 0; i < count; i++) {
          int length = batch.copy(i, bytes);
          assertThat(new String(bytes, 0, length, StandardCharsets.US_ASCII))
              .isEqualTo("question " + (seen + i));
          assertThat(batch.isOfIpv6(i)).isEqualTo(overIpv6);
          assertThat(batch.sender(i).address().address()).isEqualTo(IpAddress.parse(asked));
          if ((seen + i) % 2 == 0) {
            batch.reply(i, "reply".getBytes(StandardCharsets.US_ASCII), 5);
          } else {
            later.add(batch.sender(i));
          }
        }
        batch.flush();
        seen += count;
      }
      for (DatagramBatch.Sender sender : later) {
        assertThat(batch.send(sender, "reply, later".getBytes(StandardCharsets.US_ASCII), 12))
            .isZero();
      }
      for (int i = 0; i < clients.size(); i++) {
        DatagramPacket reply = new DatagramPacket(new byte[64], 64);
        clients.get(i).receive(reply);
        assertThat(reply.getLength()).isEqualTo(i % 2 == 0 ? 5 : 12);
      }
    } finally {
      clients.forEach(DatagramSocket::close);
    }
  }

  private static DatagramBatch open(String address) {
    return DatagramBatch.bind(new TransportAddress(IpAddress.parse(address), 0), 1 << 20);
  }

  @Test
  void closingEndsWhoWaits() throws Exception {
    DatagramBatch batch = open("127.0.0.1");
    CompletableFuture<Integer> ended = new CompletableFuture<>();
    Thread.ofPlatform().daemon().start(() -> ended.complete(batch.receive()));
    batch.close();
    assertThat(ended.get(PATIENCE_MILLIS, TimeUnit.MILLISECONDS)).isEqualTo(-1);
    batch.close();
    assertThat(batch.receive()).isEqualTo(-1);
  }

  @Test
  void saysWhatIsTaken() {
    try (DatagramBatch batch = open("127.0.0.1")) {
      TransportAddress taken = batch.localAddress();
      assertThatThrownBy(() -> DatagramBatch.bind(taken, 1 << 16))
          .isInstanceOf(KernelException.class)
          .hasMessageContaining(taken.toString());
    }
  }
}
