// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.http;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import java.util.Map;

/// How an answer is put on the wire by one version of HTTP. Called on the connection's event loop
/// only; nothing here flushes.
sealed interface Wire permits Http1Wire, Http2Wire {
  ChannelHandlerContext context();

  /// Writes status and headers; the body, if any, follows.
  void head(int status, Map<String, String> headers, boolean last);

  ChannelFuture data(ByteBuf bytes);

  void end();

  /// Gives the stream up in the middle of an answer.
  void abort();

  /// Turns a request into a WebSocket; later data goes out as one text message each.
  boolean acceptWebSocket(Exchange exchange);

  /// Leaves HTTP: writes `head` as it is, and from now on only moves bytes.
  boolean takeOver(ByteBuf head, RawInput input);
}
