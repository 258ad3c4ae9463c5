// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.http;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http2.DefaultHttp2Headers;
import io.netty.handler.codec.http2.DefaultHttp2HeadersFrame;
import io.netty.handler.codec.http2.DefaultHttp2ResetFrame;
import io.netty.handler.codec.http2.DefaultHttp2WindowUpdateFrame;
import io.netty.handler.codec.http2.Http2DataFrame;
import io.netty.handler.codec.http2.Http2Error;
import io.netty.handler.codec.http2.Http2FrameStream;
import io.netty.handler.codec.http2.Http2FrameStreamException;
import io.netty.handler.codec.http2.Http2Headers;
import io.netty.handler.codec.http2.Http2HeadersFrame;
import io.netty.handler.codec.http2.Http2ResetFrame;
import io.netty.util.ReferenceCountUtil;
import java.net.InetSocketAddress;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// An HTTP/2 connection, on the plain frame codec: no channel a stream, as those flush one by one.
final class Http2Connection extends ChannelInboundHandlerAdapter {
  static final int MAX_STREAMS = 100;

  private final Handler handler;
  private final Doorkeeper doorkeeper;
  private final BodyBudget.Share budget;
  private final Optional<X509Certificate> certificate;
  private final Map<Http2FrameStream, Incoming> streams = new HashMap<>();
  private @Nullable Outbound outbound;

  Http2Connection(
      Handler handler,
      Doorkeeper doorkeeper,
      BodyBudget.Share budget,
      Optional<X509Certificate> certificate) {
    this.handler = handler;
    this.doorkeeper = doorkeeper;
    this.budget = budget;
    this.certificate = certificate;
  }

  private static final class Incoming {
    final Http2HeadersFrame head;
    final ByteBuf body;
    int held;
    boolean refused;
    @Nullable Exchange exchange;

    Incoming(Http2HeadersFrame head, ByteBuf body) {
      this.head = head;
      this.body = body;
    }
  }

  @Override
  public void channelRead(ChannelHandlerContext context, Object message) {
    try {
      switch (message) {
        case Http2HeadersFrame head -> headers(context, head);
        case Http2DataFrame data -> data(context, data);
        case Http2ResetFrame reset -> gone(reset.stream());
        default -> {}
      }
    } finally {
      ReferenceCountUtil.release(message);
    }
  }

  private void headers(ChannelHandlerContext context, Http2HeadersFrame head) {
    Incoming known = streams.get(head.stream());
    if (known != null) {
      if (head.isEndStream() && known.refused) {
        gone(head.stream());
      } else if (head.isEndStream() && known.exchange == null) {
        dispatch(context, known);
      }
      return;
    }
    // The codec holds the client to the number only once the client has agreed to it.
    if (streams.size() >= MAX_STREAMS) {
      context.write(new DefaultHttp2ResetFrame(Http2Error.REFUSED_STREAM).stream(head.stream()));
      return;
    }
    Incoming incoming = new Incoming(head, context.alloc().buffer(0));
    streams.put(head.stream(), incoming);
    if (head.isEndStream()) {
      dispatch(context, incoming);
    }
  }

  private void data(ChannelHandlerContext context, Http2DataFrame data) {
    int credit = data.initialFlowControlledBytes();
    Incoming incoming = streams.get(data.stream());
    if (incoming == null || incoming.exchange != null) {
      return;
    }
    if (incoming.refused) {
      context.write(new DefaultHttp2WindowUpdateFrame(credit).stream(data.stream()));
      if (data.isEndStream()) {
        gone(data.stream());
      }
      return;
    }
    int length = data.content().readableBytes();
    if (incoming.held + length > HttpFront.MAX_BODY_BYTES) {
      refuse(context, incoming, data, HttpResponseStatus.REQUEST_ENTITY_TOO_LARGE);
      return;
    }
    CharSequence authorization = incoming.head.headers().get(HttpHeaderNames.AUTHORIZATION);
    if (incoming.held == 0
        && length > 0
        && !doorkeeper.knows(
            Optional.ofNullable(authorization).map(CharSequence::toString), certificate)) {
      refuse(context, incoming, data, HttpResponseStatus.UNAUTHORIZED);
      return;
    }
    if (!budget.take(length)) {
      refuse(context, incoming, data, HttpResponseStatus.TOO_MANY_REQUESTS);
      return;
    }
    incoming.held += length;
    incoming.body.writeBytes(data.content());
    context.write(new DefaultHttp2WindowUpdateFrame(credit).stream(data.stream()));
    if (data.isEndStream()) {
      dispatch(context, incoming);
    }
  }

  /// Answers before the body is all here. What still comes is thrown away: a reset would be
  /// cleaner, but the codec logs each piece that crosses it.
  private void refuse(
      ChannelHandlerContext context,
      Incoming incoming,
      Http2DataFrame data,
      HttpResponseStatus status) {
    Http2Headers head = new DefaultHttp2Headers(false).status(status.codeAsText());
    if (status.equals(HttpResponseStatus.TOO_MANY_REQUESTS)) {
      head.set(HttpHeaderNames.RETRY_AFTER, "1");
    }
    context.write(new DefaultHttp2HeadersFrame(head, true).stream(data.stream()));
    context.write(
        new DefaultHttp2WindowUpdateFrame(data.initialFlowControlledBytes()).stream(data.stream()));
    budget.give(incoming.held);
    incoming.held = 0;
    incoming.body.clear().capacity(0);
    incoming.refused = true;
    if (data.isEndStream()) {
      gone(data.stream());
    }
  }

  private void dispatch(ChannelHandlerContext context, Incoming incoming) {
    byte[] whole = ByteBufUtil.getBytes(incoming.body);
    incoming.body.release();
    Map<String, List<String>> headers = new HashMap<>();
    for (Map.Entry<CharSequence, CharSequence> header : incoming.head.headers()) {
      headers
          .computeIfAbsent(header.getKey().toString(), _ -> new ArrayList<>(1))
          .add(header.getValue().toString());
    }
    CharSequence path = incoming.head.headers().path();
    CharSequence method = incoming.head.headers().method();
    Request request =
        HttpFront.request(
            method == null ? "" : method.toString(),
            path == null ? "/" : path.toString(),
            headers,
            whole,
            (InetSocketAddress) context.channel().remoteAddress());
    if (outbound == null) {
      outbound = new Outbound(context);
    }
    Exchange exchange =
        new Exchange(
            request, certificate, new Http2Wire(context, this, incoming.head.stream()), outbound);
    incoming.exchange = exchange;
    handler.handle(exchange);
  }

  void answered(Http2FrameStream stream) {
    gone(stream);
  }

  private void gone(Http2FrameStream stream) {
    Incoming incoming = streams.remove(stream);
    if (incoming == null) {
      return;
    }
    budget.give(incoming.held);
    if (incoming.exchange == null) {
      incoming.body.release();
    } else {
      incoming.exchange.closed();
    }
  }

  @Override
  public void channelReadComplete(ChannelHandlerContext context) {
    context.flush();
  }

  @Override
  public void channelInactive(ChannelHandlerContext context) {
    List.copyOf(streams.keySet()).forEach(this::gone);
    context.fireChannelInactive();
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
    if (cause instanceof Http2FrameStreamException broken) {
      gone(broken.stream());
    } else {
      context.close();
    }
  }
}
