// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.StandardSocketOptions;
import java.nio.channels.DatagramChannel;
import java.nio.channels.ServerSocketChannel;
import org.junit.jupiter.api.Test;

final class ReceiveBuffersTest {
  private static final int BYTES = 5 << 20;
  private static final long SELF = ProcessHandle.current().pid();

  @Test
  void socketsOfUdpGetRoom() throws Exception {
    ReceiveBuffers buffers = new ReceiveBuffers(BYTES);
    try (DatagramChannel first = DatagramChannel.open();
        ServerSocketChannel tcp = ServerSocketChannel.open()) {
      int before = tcp.getOption(StandardSocketOptions.SO_RCVBUF);
      buffers.enlarge(SELF);
      assertThat(first.getOption(StandardSocketOptions.SO_RCVBUF)).isGreaterThanOrEqualTo(BYTES);
      assertThat(tcp.getOption(StandardSocketOptions.SO_RCVBUF)).isEqualTo(before);
      try (DatagramChannel later = DatagramChannel.open()) {
        buffers.enlarge(SELF);
        assertThat(later.getOption(StandardSocketOptions.SO_RCVBUF)).isGreaterThanOrEqualTo(BYTES);
      }
    }
  }

  @Test
  void aProcessThatIsNotThereIsSaid() {
    assertThatThrownBy(() -> new ReceiveBuffers(BYTES).enlarge(1L << 30))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("/proc/" + (1L << 30));
  }
}
