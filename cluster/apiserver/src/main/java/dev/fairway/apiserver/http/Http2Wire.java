// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.http;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.http2.DefaultHttp2DataFrame;
import io.netty.handler.codec.http2.DefaultHttp2Headers;
import io.netty.handler.codec.http2.DefaultHttp2HeadersFrame;
import io.netty.handler.codec.http2.DefaultHttp2ResetFrame;
import io.netty.handler.codec.http2.Http2Error;
import io.netty.handler.codec.http2.Http2FrameStream;
import io.netty.handler.codec.http2.Http2Headers;
import java.util.Map;

/// One request's answer on a stream of an HTTP/2 connection.
final class Http2Wire implements Wire {
  private final ChannelHandlerContext context;
  private final Http2Connection connection;
  private final Http2FrameStream stream;
  private boolean ended;

  Http2Wire(ChannelHandlerContext context, Http2Connection connection, Http2FrameStream stream) {
    this.context = context;
    this.connection = connection;
    this.stream = stream;
  }

  @Override
  public ChannelHandlerContext context() {
    return context;
  }

  @Override
  public void head(int status, Map<String, String> headers, boolean last) {
    Http2Headers head = new DefaultHttp2Headers(false).status(Integer.toString(status));
    headers.forEach(head::set);
    context.write(new DefaultHttp2HeadersFrame(head, last).stream(stream));
    if (last) {
      ended = true;
      connection.answered(stream);
    }
  }

  @Override
  public ChannelFuture data(ByteBuf bytes) {
    if (ended) {
      bytes.release();
      return context.newFailedFuture(new IllegalStateException("the answer has ended"));
    }
    return context.write(new DefaultHttp2DataFrame(bytes, false).stream(stream));
  }

  @Override
  public void end() {
    if (!ended) {
      ended = true;
      context.write(new DefaultHttp2DataFrame(true).stream(stream));
      connection.answered(stream);
    }
  }

  @Override
  public void abort() {
    if (!ended) {
      ended = true;
      context.write(new DefaultHttp2ResetFrame(Http2Error.INTERNAL_ERROR).stream(stream));
      connection.answered(stream);
    }
  }

  @Override
  public boolean acceptWebSocket(Exchange exchange) {
    return false;
  }

  @Override
  public boolean takeOver(ByteBuf head, RawInput input) {
    head.release();
    return false;
  }
}
