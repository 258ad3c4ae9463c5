// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

import java.io.IOException;
import java.net.Socket;
import java.time.Duration;

/// Closes a connection when its time is over. A socket's own timeout bounds each read, of which who
/// sends an octet now and then can cause any number.
final class Cutoff implements AutoCloseable {
  private final Thread thread;

  private Cutoff(Thread thread) {
    this.thread = thread;
  }

  static Cutoff after(int millis, Socket socket) {
    return new Cutoff(
        Thread.ofVirtual()
            .name("dns-cutoff")
            .start(() -> {
              try {
                Thread.sleep(Duration.ofMillis(millis));
                socket.close();
              } catch (InterruptedException | IOException e) {
                // It came to its end in time, or is closed already.
              }
            }));
  }

  /// The connection stays.
  @Override
  public void close() {
    thread.interrupt();
  }
}
