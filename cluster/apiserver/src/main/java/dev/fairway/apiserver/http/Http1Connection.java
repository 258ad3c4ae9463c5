// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.http;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.CompositeByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpObject;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.util.ReferenceCountUtil;
import java.net.InetSocketAddress;
import java.security.cert.X509Certificate;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import org.jspecify.annotations.Nullable;

/// An HTTP/1.1 connection: requests one after the other. What a client pipelines meanwhile waits in
/// a bounded queue; reading goes on, as it is how a vanished client is noticed.
final class Http1Connection extends ChannelInboundHandlerAdapter {
  private static final int MAX_PIPELINED_PARTS = 64;
  private static final int MAX_PIPELINED_BYTES = 64 << 10;

  private final Handler handler;
  private final Doorkeeper doorkeeper;
  private final BodyBudget.Share budget;
  private final Optional<X509Certificate> certificate;
  private final Queue<HttpObject> waiting = new ArrayDeque<>();
  private @Nullable Outbound outbound;
  private @Nullable HttpRequest reading;
  private @Nullable CompositeByteBuf body;
  private @Nullable Exchange current;
  private int held;
  private int waitingBytes;
  private boolean closeAfterAnswer;
  private boolean leftHttp;

  Http1Connection(
      Handler handler,
      Doorkeeper doorkeeper,
      BodyBudget.Share budget,
      Optional<X509Certificate> certificate) {
    this.handler = handler;
    this.doorkeeper = doorkeeper;
    this.budget = budget;
    this.certificate = certificate;
  }

  @Override
  public void channelRead(ChannelHandlerContext context, Object message) {
    if (leftHttp || !(message instanceof HttpObject part)) {
      context.fireChannelRead(message);
      return;
    }
    if (current != null) {
      waitingBytes += length(part);
      if (waiting.size() >= MAX_PIPELINED_PARTS || waitingBytes > MAX_PIPELINED_BYTES) {
        ReferenceCountUtil.release(message);
        context.close();
      } else {
        waiting.add(part);
      }
      return;
    }
    read(context, part);
  }

  private static int length(HttpObject part) {
    return part instanceof HttpContent content ? content.content().readableBytes() : 0;
  }

  private void read(ChannelHandlerContext context, HttpObject part) {
    try {
      if (part.decoderResult().isFailure()) {
        refuse(context, HttpResponseStatus.BAD_REQUEST);
        return;
      }
      if (part instanceof HttpRequest request) {
        reading = request;
        body = context.alloc().compositeBuffer(1024);
        if (HttpUtil.getContentLength(request, 0L) > HttpFront.MAX_BODY_BYTES) {
          refuse(context, HttpResponseStatus.REQUEST_ENTITY_TOO_LARGE);
          return;
        }
        if (HttpUtil.getContentLength(request, 0L) > 0 && !knows(request)) {
          refuse(context, HttpResponseStatus.UNAUTHORIZED);
          return;
        }
        if (HttpUtil.is100ContinueExpected(request)) {
          context.writeAndFlush(
              new DefaultFullHttpResponse(
                  HttpVersion.HTTP_1_1, HttpResponseStatus.CONTINUE, Unpooled.EMPTY_BUFFER));
        }
      }
      if (part instanceof HttpContent content && body != null) {
        ByteBuf bytes = content.content();
        int length = bytes.readableBytes();
        if (held + length > HttpFront.MAX_BODY_BYTES) {
          refuse(context, HttpResponseStatus.REQUEST_ENTITY_TOO_LARGE);
          return;
        }
        if (held == 0 && length > 0 && reading != null && !knows(reading)) {
          refuse(context, HttpResponseStatus.UNAUTHORIZED);
          return;
        }
        if (!budget.take(length)) {
          refuse(context, HttpResponseStatus.TOO_MANY_REQUESTS);
          return;
        }
        held += length;
        if (bytes.isReadable()) {
          body.addComponent(true, bytes.retain());
        }
      }
      if (part instanceof LastHttpContent && reading != null && body != null) {
        dispatch(context, reading, body);
      }
    } finally {
      ReferenceCountUtil.release(part);
    }
  }

  private boolean knows(HttpRequest request) {
    return doorkeeper.knows(
        Optional.ofNullable(request.headers().get(HttpHeaderNames.AUTHORIZATION)), certificate);
  }

  private void giveBack() {
    budget.give(held);
    held = 0;
  }

  private void dispatch(ChannelHandlerContext context, HttpRequest message, ByteBuf bytes) {
    byte[] whole = ByteBufUtil.getBytes(bytes);
    bytes.release();
    body = null;
    reading = null;
    Map<String, List<String>> headers = new HashMap<>();
    for (Map.Entry<String, String> header : message.headers()) {
      headers
          .computeIfAbsent(header.getKey().toLowerCase(Locale.ROOT), _ -> new ArrayList<>(1))
          .add(header.getValue());
    }
    Request request =
        HttpFront.request(
            message.method().name(),
            message.uri(),
            headers,
            whole,
            (InetSocketAddress) context.channel().remoteAddress());
    boolean keepAlive = HttpUtil.isKeepAlive(message) && !closeAfterAnswer;
    Wire wire = new Http1Wire(context, this, message, keepAlive);
    if (outbound == null) {
      outbound = new Outbound(context);
    }
    Exchange exchange = new Exchange(request, certificate, wire, outbound);
    current = exchange;
    handler.handle(exchange);
  }

  private void refuse(ChannelHandlerContext context, HttpResponseStatus status) {
    reading = null;
    giveBack();
    if (body != null) {
      body.release();
      body = null;
    }
    leftHttp = true;
    var response = new DefaultFullHttpResponse(HttpVersion.HTTP_1_1, status, Unpooled.EMPTY_BUFFER);
    response.headers().set(HttpHeaderNames.CONTENT_LENGTH, 0);
    if (status.equals(HttpResponseStatus.TOO_MANY_REQUESTS)) {
      response.headers().set(HttpHeaderNames.RETRY_AFTER, 1);
    }
    response.headers().set(HttpHeaderNames.CONNECTION, "close");
    context.writeAndFlush(response).addListener(ChannelFutureListener.CLOSE);
  }

  void closeAfterAnswer() {
    closeAfterAnswer = true;
  }

  void leaveHttp() {
    leftHttp = true;
  }

  /// The answer's last part is written: take the next request.
  void answered() {
    Exchange done = current;
    current = null;
    giveBack();
    if (done != null) {
      done.closed();
    }
    if (outbound == null) {
      return;
    }
    outbound.add(this::readWaiting);
  }

  private void readWaiting() {
    if (outbound == null) {
      return;
    }
    while (current == null && !waiting.isEmpty() && !leftHttp) {
      HttpObject part = waiting.remove();
      waitingBytes -= length(part);
      read(outbound.context(), part);
    }
  }

  @Override
  public void channelInactive(ChannelHandlerContext context) {
    giveBack();
    waiting.forEach(ReferenceCountUtil::release);
    waiting.clear();
    if (body != null) {
      body.release();
      body = null;
    }
    if (current != null) {
      current.closed();
    }
    context.fireChannelInactive();
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
    context.close();
  }
}
