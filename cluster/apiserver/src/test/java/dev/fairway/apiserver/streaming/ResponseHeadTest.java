// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.streaming;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Random;
import org.junit.jupiter.api.Test;

final class ResponseHeadTest {
  private static final byte[] HEAD =
      String.join("\r\n", "HTTP/1.1 101 Switching Protocols", "Upgrade: SPDY/3.1", "", "rest")
          .getBytes(StandardCharsets.US_ASCII);

  @Test
  void readsTheHeadAndNothingMore() throws Exception {
    ByteArrayInputStream in = new ByteArrayInputStream(HEAD);
    ResponseHead head = ResponseHead.read(in);
    assertThat(head.status()).isEqualTo(101);
    assertThat(head.headers()).containsEntry("upgrade", "SPDY/3.1");
    assertThat(new String(in.readAllBytes(), StandardCharsets.US_ASCII)).isEqualTo("rest");
  }

  @Test
  void brokenHeadsAreRefused() {
    Random random = new Random(5);
    for (int i = 0; i < 20_000; i++) {
      byte[] broken = HEAD.clone();
      for (int change = random.nextInt(4); change >= 0; change--) {
        broken[random.nextInt(broken.length)] = (byte) random.nextInt();
      }
      try {
        assertThat(ResponseHead.read(new ByteArrayInputStream(broken)).status())
            .isBetween(100, 999);
      } catch (IOException expected) {
        assertThat(expected.getMessage()).isNotEmpty();
      }
    }
  }
}
