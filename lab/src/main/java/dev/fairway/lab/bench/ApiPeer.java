// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab.bench;

import dev.fairway.apiserver.ApiServer;
import dev.fairway.apiserver.ApiServerConfig;
import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import dev.fairway.store.EmbeddedStore;
import dev.fairway.store.Store;
import dev.fairway.store.StoreConfig;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.handler.codec.http2.DefaultHttp2DataFrame;
import io.netty.handler.codec.http2.DefaultHttp2Headers;
import io.netty.handler.codec.http2.DefaultHttp2HeadersFrame;
import io.netty.handler.codec.http2.Http2FrameCodecBuilder;
import io.netty.handler.codec.http2.Http2HeadersFrame;
import io.netty.handler.ssl.ApplicationProtocolConfig;
import io.netty.handler.ssl.ApplicationProtocolNames;
import io.netty.handler.ssl.ApplicationProtocolNegotiationHandler;
import io.netty.handler.ssl.ClientAuth;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.util.ReferenceCountUtil;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.List;

/// A process that serves until its input ends: `fairway DIRECTORY` is an API server on the store
/// and keys there, `bare DIRECTORY BYTES` a Netty server with the same TLS that answers everything
/// with the same bytes.
public final class ApiPeer {
  private ApiPeer() {}

  public static void main(String[] arguments) throws Exception {
    Path directory = Path.of(arguments[1]);
    if (arguments[0].equals("bare")) {
      say(bare(directory, new byte[Integer.parseInt(arguments[2])]));
      return;
    }
    try (Store store = EmbeddedStore.open(StoreConfig.of(directory.resolve("objects.db")));
        ApiServer server = ApiServer.start(config(directory, store))) {
      say(server.address().getPort());
    }
  }

  private static void say(int port) throws IOException {
    System.out.println(port);
    System.out.flush();
    while (System.in.read() >= 0) {
      // Until the benchmark closes it.
    }
  }

  private static ApiServerConfig config(Path directory, Store store) {
    IpAddress loopback = IpAddress.parse("127.0.0.1");
    return new ApiServerConfig(
        new InetSocketAddress(loopback.toInetAddress(), 0),
        loopback,
        directory.resolve("server.crt"),
        directory.resolve("server.key"),
        directory.resolve("ca.crt"),
        directory.resolve("tokens.key"),
        List.of(directory.resolve("tokens.pub")),
        "https://kubernetes.default.svc.cluster.local",
        directory.resolve("admin.crt"),
        directory.resolve("admin.key"),
        directory.resolve("ca.crt"),
        List.of(Prefix.parse("10.32.0.0/16")),
        30000,
        32767,
        "cluster.local",
        store);
  }

  private static int bare(Path directory, byte[] answer) throws IOException {
    SslContext tls =
        SslContextBuilder.forServer(
                directory.resolve("server.crt").toFile(), directory.resolve("server.key").toFile())
            .trustManager(directory.resolve("ca.crt").toFile())
            .clientAuth(ClientAuth.OPTIONAL)
            .protocols("TLSv1.3", "TLSv1.2")
            .applicationProtocolConfig(
                new ApplicationProtocolConfig(
                    ApplicationProtocolConfig.Protocol.ALPN,
                    ApplicationProtocolConfig.SelectorFailureBehavior.NO_ADVERTISE,
                    ApplicationProtocolConfig.SelectedListenerFailureBehavior.ACCEPT,
                    ApplicationProtocolNames.HTTP_2))
            .build();
    ByteBuf constant = Unpooled.unreleasableBuffer(Unpooled.wrappedBuffer(answer));
    var bound =
        new ServerBootstrap()
            .group(new MultiThreadIoEventLoopGroup(2, NioIoHandler.newFactory()))
            .channel(NioServerSocketChannel.class)
            .childOption(ChannelOption.TCP_NODELAY, true)
            .childHandler(
                new ChannelInitializer<SocketChannel>() {
                  @Override
                  protected void initChannel(SocketChannel channel) {
                    channel
                        .pipeline()
                        .addLast(tls.newHandler(channel.alloc()), new Negotiation(constant));
                  }
                })
            .bind("127.0.0.1", 0)
            .syncUninterruptibly();
    return ((InetSocketAddress) bound.channel().localAddress()).getPort();
  }

  private static final class Negotiation extends ApplicationProtocolNegotiationHandler {
    private final ByteBuf constant;

    Negotiation(ByteBuf constant) {
      super(ApplicationProtocolNames.HTTP_1_1);
      this.constant = constant;
    }

    @Override
    protected void configurePipeline(ChannelHandlerContext context, String protocol) {
      context
          .pipeline()
          .addLast(Http2FrameCodecBuilder.forServer().build(), new Constant(constant));
    }
  }

  private static final class Constant extends ChannelInboundHandlerAdapter {
    private final ByteBuf constant;

    Constant(ByteBuf constant) {
      this.constant = constant;
    }

    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
      if (message instanceof Http2HeadersFrame head && head.isEndStream()) {
        context.write(
            new DefaultHttp2HeadersFrame(
                    new DefaultHttp2Headers(false)
                        .status("200")
                        .set("content-type", "application/json"))
                .stream(head.stream()));
        context.write(new DefaultHttp2DataFrame(constant.duplicate(), true).stream(head.stream()));
      }
      ReferenceCountUtil.release(message);
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext context) {
      context.flush();
    }
  }
}
