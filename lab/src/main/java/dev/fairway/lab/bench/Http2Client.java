// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab.bench;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.fairway.provision.CertificateAuthority.KeyFiles;
import io.netty.bootstrap.Bootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.nio.NioSocketChannel;
import io.netty.handler.codec.http2.DefaultHttp2DataFrame;
import io.netty.handler.codec.http2.DefaultHttp2Headers;
import io.netty.handler.codec.http2.DefaultHttp2HeadersFrame;
import io.netty.handler.codec.http2.DefaultHttp2WindowUpdateFrame;
import io.netty.handler.codec.http2.Http2ChannelDuplexHandler;
import io.netty.handler.codec.http2.Http2DataFrame;
import io.netty.handler.codec.http2.Http2FrameCodecBuilder;
import io.netty.handler.codec.http2.Http2FrameStream;
import io.netty.handler.codec.http2.Http2Headers;
import io.netty.handler.codec.http2.Http2HeadersFrame;
import io.netty.handler.codec.http2.Http2Settings;
import io.netty.handler.ssl.ApplicationProtocolConfig;
import io.netty.handler.ssl.ApplicationProtocolNames;
import io.netty.handler.ssl.ApplicationProtocolNegotiationHandler;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.DefaultThreadFactory;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/// An HTTP/2 client that costs little, on one thread: it asks on many streams at once and hands
/// what comes to a [Script].
final class Http2Client implements AutoCloseable {
  private static final int WINDOW_BYTES = 8 << 20;
  private static final int PATIENCE_SECONDS = 60;

  private final EventLoopGroup loop =
      new MultiThreadIoEventLoopGroup(
          1, new DefaultThreadFactory("bench-client", true), NioIoHandler.newFactory());
  private final SslContext tls;
  private final int port;
  private @Nullable Asking single;

  /// What to ask, and who learns of the answers; called by the client's one thread.
  interface Script {
    /// The next thing for a free stream to ask, null if nothing more.
    @Nullable Call next();

    /// A whole answer has come.
    void answered(int status, long micros);

    /// A piece of an answer.
    void data(ByteBuf piece);
  }

  record Call(String method, String path, byte @Nullable [] body) {
    static Call get(String path) {
      return new Call("GET", path, null);
    }
  }

  Http2Client(int port, Path authority, KeyFiles identity) throws IOException {
    this.port = port;
    this.tls =
        SslContextBuilder.forClient()
            .trustManager(authority.toFile())
            .keyManager(identity.certificate().toFile(), identity.key().toFile())
            .protocols("TLSv1.3")
            .applicationProtocolConfig(
                new ApplicationProtocolConfig(
                    ApplicationProtocolConfig.Protocol.ALPN,
                    ApplicationProtocolConfig.SelectorFailureBehavior.NO_ADVERTISE,
                    ApplicationProtocolConfig.SelectedListenerFailureBehavior.ACCEPT,
                    ApplicationProtocolNames.HTTP_2))
            .build();
  }

  /// Asks once, over a connection that is kept for more, and returns the answer's body.
  ///
  /// @throws IOException if the answer is none of success
  byte[] call(Call call) throws IOException, InterruptedException {
    Asking asking = single;
    if (asking == null) {
      CompletableFuture<Asking> ready = new CompletableFuture<>();
      open(1, 0, new Nothing(), ready);
      asking = await(ready, call);
      single = asking;
    }
    Whole whole = new Whole();
    asking.begin(call, whole);
    int status = await(whole.status, call);
    if (status / 100 != 2) {
      throw new IOException(
          call.method() + " " + call.path() + ": " + status + " " + whole.bytes.toString(UTF_8));
    }
    return whole.bytes.toByteArray();
  }

  private static <T> T await(CompletableFuture<T> future, Call call)
      throws IOException, InterruptedException {
    try {
      return future.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
    } catch (ExecutionException | TimeoutException e) {
      throw new IOException("no answer to " + call.method() + " " + call.path(), e);
    }
  }

  /// Asks nothing by itself.
  private static final class Nothing implements Script {
    @Override
    public @Nullable Call next() {
      return null;
    }

    @Override
    public void answered(int status, long micros) {}

    @Override
    public void data(ByteBuf piece) {}
  }

  private static final class Whole implements Script {
    final CompletableFuture<Integer> status = new CompletableFuture<>();
    final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

    @Override
    public @Nullable Call next() {
      return null;
    }

    @Override
    public void answered(int code, long micros) {
      status.complete(code);
    }

    @Override
    public void data(ByteBuf piece) {
      bytes.writeBytes(ByteBufUtil.getBytes(piece));
    }
  }

  /// Opens connections, each of which keeps that many streams busy until the script has no more.
  Connections open(int connections, int streams, Script script) throws IOException {
    return open(connections, streams, script, new CompletableFuture<>());
  }

  private Connections open(
      int connections, int streams, Script script, CompletableFuture<Asking> ready)
      throws IOException {
    Bootstrap bootstrap =
        new Bootstrap()
            .group(loop)
            .channel(NioSocketChannel.class)
            .option(ChannelOption.TCP_NODELAY, true)
            .handler(
                new ChannelInitializer<SocketChannel>() {
                  @Override
                  protected void initChannel(SocketChannel channel) {
                    channel
                        .pipeline()
                        .addLast(
                            tls.newHandler(channel.alloc(), "127.0.0.1", port),
                            new Negotiation(streams, script, ready));
                  }
                });
    List<Channel> opened = new ArrayList<>();
    for (int i = 0; i < connections; i++) {
      var connecting = bootstrap.connect("127.0.0.1", port).awaitUninterruptibly();
      if (!connecting.isSuccess()) {
        opened.forEach(Channel::close);
        throw new IOException("no connection to port " + port, connecting.cause());
      }
      opened.add(connecting.channel());
    }
    return new Connections(opened);
  }

  record Connections(List<Channel> channels) implements AutoCloseable {
    @Override
    public void close() {
      channels.forEach(channel -> channel.close().awaitUninterruptibly());
    }
  }

  private static final class Negotiation extends ApplicationProtocolNegotiationHandler {
    private final int streams;
    private final Script script;
    private final CompletableFuture<Asking> ready;

    Negotiation(int streams, Script script, CompletableFuture<Asking> ready) {
      super(ApplicationProtocolNames.HTTP_1_1);
      this.streams = streams;
      this.script = script;
      this.ready = ready;
    }

    @Override
    protected void configurePipeline(ChannelHandlerContext context, String protocol) {
      context
          .pipeline()
          .addLast(
              Http2FrameCodecBuilder.forClient()
                  .initialSettings(
                      Http2Settings.defaultSettings()
                          .initialWindowSize(WINDOW_BYTES)
                          .maxConcurrentStreams(0)
                          .pushEnabled(false))
                  .build(),
              new Asking(streams, script, ready));
    }

    /// Whoever waits for the answers tells of it.
    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
      context.close();
    }
  }

  private static final class Asking extends Http2ChannelDuplexHandler {
    private static final class Asked {
      final long start = System.nanoTime();
      final Script script;
      int status;

      Asked(Script script) {
        this.script = script;
      }
    }

    private final int streams;
    private final Script script;
    private final CompletableFuture<Asking> ready;
    private final Map<Http2FrameStream, Asked> asked = new HashMap<>();
    private @Nullable ChannelHandlerContext context;

    Asking(int streams, Script script, CompletableFuture<Asking> ready) {
      this.streams = streams;
      this.script = script;
      this.ready = ready;
    }

    void begin(Call call, Script answers) {
      ChannelHandlerContext here = context;
      if (here != null) {
        here.executor()
            .execute(() -> {
              ask(here, call, answers);
              here.flush();
            });
      }
    }

    @Override
    protected void handlerAdded0(ChannelHandlerContext context) {
      context.write(new DefaultHttp2WindowUpdateFrame(WINDOW_BYTES));
      for (int i = 0; i < streams; i++) {
        again(context, script);
      }
      context.flush();
      this.context = context;
      ready.complete(this);
    }

    private void again(ChannelHandlerContext context, Script answers) {
      Call call = answers.next();
      if (call != null) {
        ask(context, call, answers);
      }
    }

    private void ask(ChannelHandlerContext context, Call call, Script answers) {
      Http2FrameStream stream = newStream();
      asked.put(stream, new Asked(answers));
      Http2Headers head =
          new DefaultHttp2Headers(false)
              .method(call.method())
              .path(call.path())
              .scheme("https")
              .authority("127.0.0.1")
              .set("accept", "application/json");
      byte[] body = call.body();
      if (body != null) {
        head.set("content-type", "application/json");
      }
      context.write(new DefaultHttp2HeadersFrame(head, body == null).stream(stream));
      if (body != null) {
        context.write(new DefaultHttp2DataFrame(Unpooled.wrappedBuffer(body), true).stream(stream));
      }
    }

    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
      try {
        switch (message) {
          case Http2HeadersFrame head -> {
            Asked one = asked.get(head.stream());
            if (one != null && head.headers().status() != null) {
              one.status = Integer.parseInt(head.headers().status().toString());
            }
            if (head.isEndStream()) {
              ended(context, head.stream());
            }
          }
          case Http2DataFrame data -> {
            Asked one = asked.get(data.stream());
            if (one != null) {
              one.script.data(data.content());
            }
            context.write(
                new DefaultHttp2WindowUpdateFrame(data.initialFlowControlledBytes())
                    .stream(data.stream()));
            if (data.isEndStream()) {
              ended(context, data.stream());
            }
          }
          default -> {}
        }
      } finally {
        ReferenceCountUtil.release(message);
      }
    }

    private void ended(ChannelHandlerContext context, Http2FrameStream stream) {
      Asked one = asked.remove(stream);
      if (one != null) {
        one.script.answered(one.status, (System.nanoTime() - one.start) / 1000);
        again(context, one.script);
      }
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext context) {
      context.flush();
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
      context.close();
    }
  }

  @Override
  public void close() {
    loop.shutdownGracefully(0, 1, TimeUnit.SECONDS).awaitUninterruptibly();
  }
}
