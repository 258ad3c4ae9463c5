// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet.api;

import dev.fairway.kubelet.cri.Cri;
import dev.fairway.kubelet.cri.CriException;
import dev.fairway.kubelet.cri.v1.AttachRequest;
import dev.fairway.kubelet.cri.v1.ExecRequest;
import dev.fairway.kubelet.cri.v1.PortForwardRequest;
import io.netty.bootstrap.Bootstrap;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelOption;
import io.netty.channel.ChannelPipeline;
import io.netty.channel.socket.nio.NioSocketChannel;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.DefaultHttpContent;
import io.netty.handler.codec.http.DefaultHttpResponse;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.handler.codec.http.QueryStringDecoder;
import io.netty.handler.ssl.SslHandler;
import io.netty.handler.ssl.SslHandshakeCompletionEvent;
import io.netty.util.ReferenceCountUtil;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Set;
import javax.net.ssl.SSLPeerUnverifiedException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// One connection of the node's API: requests one after another, each worked on by a virtual
/// thread, until one of them turns the connection into a stream.
final class RequestHandler extends ChannelInboundHandlerAdapter {
  private static final Logger LOG = LoggerFactory.getLogger(RequestHandler.class);

  private static final int MAX_PARAMETERS = 1024;

  private final NodePods pods;
  private final Cri cri;
  private boolean allowed;
  private boolean busy;

  RequestHandler(NodePods pods, Cri cri) {
    this.pods = pods;
    this.cri = cri;
  }

  @Override
  public void userEventTriggered(ChannelHandlerContext context, Object event) throws Exception {
    if (event instanceof SslHandshakeCompletionEvent done && done.isSuccess()) {
      allowed = caller(context).mayUseNode();
    }
    super.userEventTriggered(context, event);
  }

  @Override
  public void channelRead(ChannelHandlerContext context, Object message) {
    try {
      if (message instanceof HttpRequest request) {
        begin(context, request);
      }
    } finally {
      ReferenceCountUtil.release(message);
    }
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
    LOG.debug("connection from {}: {}", context.channel().remoteAddress(), cause.toString());
    context.close();
  }

  private void begin(ChannelHandlerContext context, HttpRequest request) {
    Channel channel = context.channel();
    if (busy || request.decoderResult().isFailure()) {
      channel.close();
      return;
    }
    if (!allowed) {
      answer(channel, false, 403, "text/plain", "this certificate may not use the node's API\n");
      return;
    }
    busy = true;
    boolean keep = HttpUtil.isKeepAlive(request);
    Thread.ofVirtual().name("node-api").start(() -> work(channel, request, keep));
  }

  private void work(Channel channel, HttpRequest request, boolean keep) {
    try {
      route(channel, request, keep);
    } catch (ApiProblem e) {
      answer(channel, keep, e.status(), "text/plain", e.text() + "\n");
    } catch (CriException e) {
      answer(channel, keep, 500, "text/plain", "container runtime: " + e.reason() + "\n");
    } catch (IOException e) {
      LOG.debug("{} ended: {}", request.uri(), e.toString());
      channel.close();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      channel.close();
    } catch (RuntimeException e) {
      LOG.warn("{}", request.uri(), e);
      channel.close();
    }
  }

  private void route(Channel channel, HttpRequest request, boolean keep)
      throws ApiProblem, IOException, InterruptedException {
    // A semicolon belongs to the value: commands have many.
    QueryStringDecoder query =
        new QueryStringDecoder(request.uri(), StandardCharsets.UTF_8, true, MAX_PARAMETERS, true);
    String path = query.path();
    List<String> parts = List.of(path.substring(1).split("/"));
    switch (parts.getFirst()) {
      case "healthz" -> answer(channel, keep, 200, "text/plain", "ok");
      case "pods" -> answer(channel, keep, 200, "application/json", pods.listJson());
      case "containerLogs" -> logs(channel, parts, query);
      case "exec" -> exec(channel, request, parts, query);
      case "attach" -> attach(channel, request, parts, query);
      case "portForward" -> portForward(channel, request, parts, query);
      default -> throw new ApiProblem(404, "the node's API has no " + path);
    }
  }

  private void logs(Channel channel, List<String> parts, QueryStringDecoder query)
      throws ApiProblem, IOException, InterruptedException {
    requireParts(parts, 4, "/containerLogs/NAMESPACE/POD/CONTAINER");
    LogRequest wanted = LogRequest.of(query, Instant.now());
    NodePods.Log log = pods.log(parts.get(1), parts.get(2), parts.get(3), wanted.previous());
    var head = new DefaultHttpResponse(HttpVersion.HTTP_1_1, HttpResponseStatus.OK);
    head.headers().set(HttpHeaderNames.CONTENT_TYPE, "text/plain");
    head.headers().set(HttpHeaderNames.TRANSFER_ENCODING, HttpHeaderValues.CHUNKED);
    channel.writeAndFlush(head);
    new LogReader(
            log,
            wanted,
            new LogReader.Sink() {
              @Override
              public void accept(byte[] text) throws IOException {
                write(channel, text);
              }

              @Override
              public boolean open() {
                return channel.isActive();
              }
            })
        .run();
    channel
        .eventLoop()
        .execute(() -> {
          busy = false;
          channel.writeAndFlush(LastHttpContent.EMPTY_LAST_CONTENT);
        });
  }

  private static void write(Channel channel, byte[] text) throws IOException {
    try {
      ChannelFuture written =
          channel.writeAndFlush(new DefaultHttpContent(Unpooled.wrappedBuffer(text))).await();
      if (!written.isSuccess()) {
        throw new IOException("the client went away", written.cause());
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    }
  }

  private void exec(
      Channel channel, HttpRequest request, List<String> parts, QueryStringDecoder query)
      throws ApiProblem {
    boolean tty = flag(query, "tty", "tty");
    var exec =
        ExecRequest.newBuilder()
            .setContainerId(container(parts))
            .addAllCmd(query.parameters().getOrDefault("command", List.of()))
            .setStdin(flag(query, "input", "stdin"))
            .setStdout(flag(query, "output", "stdout"))
            .setStderr(!tty && flag(query, "error", "stderr"))
            .setTty(tty)
            .build();
    requireUpgrade(request);
    hand(channel, request, cri.execUrl(exec));
  }

  private void attach(
      Channel channel, HttpRequest request, List<String> parts, QueryStringDecoder query)
      throws ApiProblem {
    boolean tty = flag(query, "tty", "tty");
    var attach =
        AttachRequest.newBuilder()
            .setContainerId(container(parts))
            .setStdin(flag(query, "input", "stdin"))
            .setStdout(flag(query, "output", "stdout"))
            .setStderr(!tty && flag(query, "error", "stderr"))
            .setTty(tty)
            .build();
    requireUpgrade(request);
    hand(channel, request, cri.attachUrl(attach));
  }

  private void portForward(
      Channel channel, HttpRequest request, List<String> parts, QueryStringDecoder query)
      throws ApiProblem {
    requireParts(parts, 3, "/portForward/NAMESPACE/POD");
    var forward =
        PortForwardRequest.newBuilder().setPodSandboxId(pods.sandbox(parts.get(1), parts.get(2)));
    for (String ports : query.parameters().getOrDefault("port", List.of())) {
      for (String port : ports.split(",")) {
        try {
          forward.addPort(Integer.parseInt(port));
        } catch (NumberFormatException e) {
          throw new ApiProblem(400, "port '" + port + "' is not a number");
        }
      }
    }
    requireUpgrade(request);
    hand(channel, request, cri.portForwardUrl(forward.build()));
  }

  /// The path may carry the pod's uid before the container's name.
  private String container(List<String> parts) throws ApiProblem {
    if (parts.size() != 4 && parts.size() != 5) {
      throw new ApiProblem(
          404, "the path must be /" + parts.getFirst() + "/NAMESPACE/POD/CONTAINER");
    }
    return pods.running(parts.get(1), parts.get(2), parts.getLast());
  }

  /// Connects the runtime's streaming server and joins the two connections for good.
  private void hand(Channel client, HttpRequest request, String url) {
    if (!client.isActive()) {
      return; // it left while the runtime was asked; the runtime forgets the url soon
    }
    URI target = URI.create(url);
    Bootstrap bootstrap =
        new Bootstrap()
            .group(client.eventLoop())
            .channel(NioSocketChannel.class)
            .option(ChannelOption.AUTO_READ, false)
            .option(ChannelOption.TCP_NODELAY, true)
            .handler(new ChannelInboundHandlerAdapter());
    bootstrap
        .connect(target.getHost(), target.getPort())
        .addListener(
            (ChannelFutureListener)
                connected -> {
                  if (connected.isSuccess()) {
                    join(client, connected.channel(), request, target);
                  } else {
                    answer(
                        client,
                        false,
                        502,
                        "text/plain",
                        "the container runtime does not stream: "
                            + connected.cause().getMessage()
                            + "\n");
                  }
                });
  }

  /// On the event loop of both. What cannot be joined is closed: nobody else knows the runtime's
  /// side.
  static void join(Channel client, Channel runtime, HttpRequest request, URI target) {
    if (!client.isActive()) {
      runtime.close();
      return;
    }
    try {
      client.config().setAutoRead(false);
      runtime.pipeline().addLast(new Relay(client));
      ChannelPipeline pipeline = client.pipeline();
      pipeline.addLast(new Relay(runtime));
      pipeline.remove(RequestHandler.class);
      pipeline.remove(HttpServerCodec.class);
      runtime
          .writeAndFlush(Unpooled.copiedBuffer(head(request, target), StandardCharsets.ISO_8859_1))
          .addListener(
              (ChannelFutureListener)
                  written -> {
                    runtime.read();
                    client.read();
                  });
    } catch (RuntimeException e) {
      LOG.warn("a stream could not be joined with the runtime: {}", e.toString());
      runtime.close();
      client.close();
    }
  }

  /// The same request, to the place the runtime named.
  private static String head(HttpRequest request, URI target) {
    StringBuilder head = new StringBuilder(512);
    head.append(request.method().name()).append(' ').append(target.getRawPath());
    if (target.getRawQuery() != null) {
      head.append('?').append(target.getRawQuery());
    }
    head.append(" HTTP/1.1\r\nHost: ").append(target.getAuthority()).append("\r\n");
    for (Map.Entry<String, String> header : request.headers()) {
      String name = header.getKey();
      if (!name.equalsIgnoreCase("Host") && !name.equalsIgnoreCase("Authorization")) {
        head.append(name).append(": ").append(header.getValue()).append("\r\n");
      }
    }
    return head.append("\r\n").toString();
  }

  private static boolean flag(QueryStringDecoder query, String name, String other) {
    return LogRequest.flag(query, name) || LogRequest.flag(query, other);
  }

  private static void requireUpgrade(HttpRequest request) throws ApiProblem {
    if (!request.headers().contains(HttpHeaderNames.UPGRADE)) {
      throw new ApiProblem(400, "this path needs a connection upgrade to SPDY/3.1 or websocket");
    }
  }

  private static void requireParts(List<String> parts, int count, String form) throws ApiProblem {
    if (parts.size() < count) {
      throw new ApiProblem(404, "the path must be " + form);
    }
  }

  private void answer(Channel channel, boolean keep, int status, String type, String text) {
    var body = Unpooled.copiedBuffer(text, StandardCharsets.UTF_8);
    var answer =
        new DefaultFullHttpResponse(HttpVersion.HTTP_1_1, HttpResponseStatus.valueOf(status), body);
    answer.headers().set(HttpHeaderNames.CONTENT_TYPE, type);
    HttpUtil.setContentLength(answer, body.readableBytes());
    HttpUtil.setKeepAlive(answer, keep);
    channel
        .eventLoop()
        .execute(() -> {
          busy = false;
          ChannelFuture written = channel.writeAndFlush(answer);
          if (!keep) {
            written.addListener(ChannelFutureListener.CLOSE);
          }
        });
  }

  private static Caller caller(ChannelHandlerContext context) {
    try {
      var chain =
          context.pipeline().get(SslHandler.class).engine().getSession().getPeerCertificates();
      return Caller.of(((X509Certificate) chain[0]).getSubjectX500Principal().getName());
    } catch (SSLPeerUnverifiedException e) {
      return new Caller("", Set.of());
    }
  }
}
