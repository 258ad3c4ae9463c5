// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.http;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.codec.http.DefaultFullHttpRequest;
import io.netty.handler.codec.http.DefaultHttpContent;
import io.netty.handler.codec.http.DefaultHttpResponse;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.handler.codec.http.websocketx.CloseWebSocketFrame;
import io.netty.handler.codec.http.websocketx.PingWebSocketFrame;
import io.netty.handler.codec.http.websocketx.PongWebSocketFrame;
import io.netty.handler.codec.http.websocketx.TextWebSocketFrame;
import io.netty.handler.codec.http.websocketx.WebSocketServerHandshaker;
import io.netty.handler.codec.http.websocketx.WebSocketServerHandshakerFactory;
import io.netty.util.ReferenceCountUtil;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/// One request's answer over HTTP/1.1: plain, as a WebSocket, or as raw bytes after an upgrade.
final class Http1Wire implements Wire {
  private enum Mode {
    HTTP,
    WEBSOCKET,
    RAW
  }

  private static final int MAX_WEBSOCKET_FRAME_BYTES = 1 << 16;
  private static final Duration LONGEST_STALL = Duration.ofMinutes(10);

  private final ChannelHandlerContext context;
  private final Http1Connection connection;
  private final HttpRequest request;
  private final boolean keepAlive;
  private Mode mode = Mode.HTTP;
  private boolean ended;

  Http1Wire(
      ChannelHandlerContext context,
      Http1Connection connection,
      HttpRequest request,
      boolean keepAlive) {
    this.context = context;
    this.connection = connection;
    this.request = request;
    this.keepAlive = keepAlive;
  }

  @Override
  public ChannelHandlerContext context() {
    return context;
  }

  @Override
  public void head(int status, Map<String, String> headers, boolean last) {
    var response =
        new DefaultHttpResponse(HttpVersion.HTTP_1_1, HttpResponseStatus.valueOf(status));
    headers.forEach(response.headers()::set);
    if (!headers.containsKey("content-length")) {
      if (request.protocolVersion().isKeepAliveDefault()) {
        response.headers().set(HttpHeaderNames.TRANSFER_ENCODING, HttpHeaderValues.CHUNKED);
      } else {
        connection.closeAfterAnswer();
      }
    }
    if (!keepAlive) {
      response.headers().set(HttpHeaderNames.CONNECTION, HttpHeaderValues.CLOSE);
    }
    context.write(response);
    if (last) {
      end();
    }
  }

  @Override
  public ChannelFuture data(ByteBuf bytes) {
    if (ended && mode == Mode.HTTP) {
      bytes.release();
      return context.newFailedFuture(new IllegalStateException("the answer has ended"));
    }
    return switch (mode) {
      case HTTP -> context.write(new DefaultHttpContent(bytes));
      case WEBSOCKET -> context.channel().write(new TextWebSocketFrame(bytes));
      case RAW -> context.channel().write(bytes);
    };
  }

  @Override
  public void end() {
    if (ended) {
      return;
    }
    ended = true;
    switch (mode) {
      case HTTP -> {
        ChannelFuture done = context.write(LastHttpContent.EMPTY_LAST_CONTENT);
        if (!keepAlive) {
          done.addListener(ChannelFutureListener.CLOSE);
        }
        connection.answered();
      }
      case WEBSOCKET ->
          context
              .channel()
              .write(new CloseWebSocketFrame(1000, ""))
              .addListener(ChannelFutureListener.CLOSE);
      case RAW ->
          context
              .channel()
              .writeAndFlush(context.alloc().buffer(0))
              .addListener(ChannelFutureListener.CLOSE);
    }
  }

  @Override
  public void abort() {
    context.close();
  }

  @Override
  public boolean acceptWebSocket(Exchange exchange) {
    var handshakers =
        new WebSocketServerHandshakerFactory(
            "wss://fairway" + request.uri(), null, false, MAX_WEBSOCKET_FRAME_BYTES);
    WebSocketServerHandshaker handshaker = handshakers.newHandshaker(request);
    if (handshaker == null) {
      return false;
    }
    mode = Mode.WEBSOCKET;
    context.pipeline().addLast("frames", new Frames());
    var whole =
        new DefaultFullHttpRequest(
            request.protocolVersion(), request.method(), request.uri(), context.alloc().buffer(0));
    whole.headers().set(request.headers());
    handshaker.handshake(context.channel(), whole);
    whole.release();
    return true;
  }

  @Override
  public boolean takeOver(ByteBuf head, RawInput input) {
    mode = Mode.RAW;
    var pipeline = context.pipeline();
    input.onRoom(
        () -> context.executor().execute(() -> context.channel().config().setAutoRead(true)));
    pipeline.addLast("splice", new Splice(input));
    pipeline.remove(HttpServerCodec.class);
    connection.leaveHttp();
    context.channel().write(head);
    return true;
  }

  /// What a watcher sends on its WebSocket: only pings and the goodbye matter.
  private static final class Frames extends ChannelInboundHandlerAdapter {
    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
      try {
        switch (message) {
          case CloseWebSocketFrame _ ->
              context
                  .writeAndFlush(new CloseWebSocketFrame(1000, ""))
                  .addListener(ChannelFutureListener.CLOSE);
          case PingWebSocketFrame ping ->
              context.writeAndFlush(new PongWebSocketFrame(ping.content().retain()));
          default -> {}
        }
      } finally {
        ReferenceCountUtil.release(message);
      }
    }
  }

  private static final class Splice extends ChannelInboundHandlerAdapter {
    private final RawInput input;
    private boolean watched;

    Splice(RawInput input) {
      this.input = input;
    }

    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
      try {
        if (message instanceof ByteBuf bytes) {
          input.add(bytes);
          if (input.full()) {
            context.channel().config().setAutoRead(false);
            watch(context, input.taken());
          }
        }
      } finally {
        ReferenceCountUtil.release(message);
      }
    }

    /// While nothing is read a client that leaves is not noticed, so that state must end.
    private void watch(ChannelHandlerContext context, long takenBefore) {
      if (watched) {
        return;
      }
      watched = true;
      context
          .executor()
          .schedule(
              () -> {
                watched = false;
                if (!context.channel().isActive() || !input.full()) {
                  return;
                }
                if (input.taken() == takenBefore) {
                  context.close();
                } else {
                  watch(context, input.taken());
                }
              },
              LONGEST_STALL.toMillis(),
              TimeUnit.MILLISECONDS);
    }

    @Override
    public void channelInactive(ChannelHandlerContext context) {
      input.end();
      context.fireChannelInactive();
    }
  }
}
