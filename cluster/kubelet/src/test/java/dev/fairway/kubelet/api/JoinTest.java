// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.http.DefaultHttpRequest;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpVersion;
import java.net.URI;
import org.junit.jupiter.api.Test;

class JoinTest {
  private static final URI TARGET = URI.create("http://127.0.0.1:1/exec/x");

  private final HttpRequest request =
      new DefaultHttpRequest(HttpVersion.HTTP_1_1, HttpMethod.POST, "/exec/a/b/c");

  @Test
  void aClientThatLeftLeavesNoConnectionToTheRuntime() {
    var client = new EmbeddedChannel();
    var runtime = new EmbeddedChannel();
    client.close();
    RequestHandler.join(client, runtime, request, TARGET);
    assertThat(runtime.isOpen()).isFalse();
  }

  @Test
  void whatCannotBeJoinedIsClosed() {
    // Without the handlers that a connection of the node's API has.
    var client = new EmbeddedChannel();
    var runtime = new EmbeddedChannel();
    RequestHandler.join(client, runtime, request, TARGET);
    assertThat(runtime.isOpen()).isFalse();
    assertThat(client.isOpen()).isFalse();
  }
}
