// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.http;

import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.group.ChannelGroup;
import io.netty.channel.group.DefaultChannelGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.http2.Http2FrameCodecBuilder;
import io.netty.handler.codec.http2.Http2Settings;
import io.netty.handler.ssl.ApplicationProtocolConfig;
import io.netty.handler.ssl.ApplicationProtocolNames;
import io.netty.handler.ssl.ApplicationProtocolNegotiationHandler;
import io.netty.handler.ssl.ClientAuth;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslHandler;
import io.netty.handler.ssl.SslProvider;
import io.netty.util.concurrent.DefaultThreadFactory;
import io.netty.util.concurrent.GlobalEventExecutor;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.security.PrivateKey;
import java.security.cert.X509Certificate;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLPeerUnverifiedException;

/// The listening socket and its connections.
public final class HttpFront implements AutoCloseable {
  /// The largest request body, in bytes.
  public static final int MAX_BODY_BYTES = 3 << 20;

  private static final int MAX_HEAD_BYTES = 64 << 10;
  private static final int EVENT_LOOPS = 2;

  private final EventLoopGroup loops;
  private final Channel listener;
  private final ChannelGroup connections;

  private HttpFront(EventLoopGroup loops, Channel listener, ChannelGroup connections) {
    this.loops = loops;
    this.listener = listener;
    this.connections = connections;
  }

  /// Who the server is, and which CA vouches for clients. A client may come without a certificate.
  public record Tls(PrivateKey key, List<X509Certificate> chain, List<X509Certificate> clientCas) {
    public Tls {
      chain = List.copyOf(chain);
      clientCas = List.copyOf(clientCas);
    }

    private SslContext context() throws SSLException {
      return SslContextBuilder.forServer(key, chain.toArray(X509Certificate[]::new))
          .sslProvider(SslProvider.JDK)
          .trustManager(clientCas.toArray(X509Certificate[]::new))
          .clientAuth(ClientAuth.OPTIONAL)
          .protocols("TLSv1.3", "TLSv1.2")
          .applicationProtocolConfig(
              new ApplicationProtocolConfig(
                  ApplicationProtocolConfig.Protocol.ALPN,
                  ApplicationProtocolConfig.SelectorFailureBehavior.NO_ADVERTISE,
                  ApplicationProtocolConfig.SelectedListenerFailureBehavior.ACCEPT,
                  ApplicationProtocolNames.HTTP_2,
                  ApplicationProtocolNames.HTTP_1_1))
          .build();
    }
  }

  /// Listens; requests go to `handler`.
  ///
  /// @throws IOException if the address cannot be bound, saying which
  public static HttpFront listen(
      InetSocketAddress address, Tls tls, Doorkeeper doorkeeper, Handler handler)
      throws IOException {
    SslContext ssl = tls.context();
    EventLoopGroup loops =
        new MultiThreadIoEventLoopGroup(
            EVENT_LOOPS, new DefaultThreadFactory("api-io", true), NioIoHandler.newFactory());
    BodyBudget budget = new BodyBudget();
    ChannelGroup connections = new DefaultChannelGroup(GlobalEventExecutor.INSTANCE, true);
    ChannelFuture bound =
        new ServerBootstrap()
            .group(loops)
            .channel(NioServerSocketChannel.class)
            .option(ChannelOption.SO_BACKLOG, 1024)
            .option(ChannelOption.SO_REUSEADDR, true)
            .childOption(ChannelOption.TCP_NODELAY, true)
            .childOption(ChannelOption.SO_KEEPALIVE, true)
            .childHandler(
                new ChannelInitializer<SocketChannel>() {
                  @Override
                  protected void initChannel(SocketChannel channel) {
                    connections.add(channel);
                    channel
                        .pipeline()
                        .addLast(
                            ssl.newHandler(channel.alloc()),
                            new Negotiation(handler, doorkeeper, budget));
                  }
                })
            .bind(address)
            .awaitUninterruptibly();
    if (!bound.isSuccess()) {
      loops.shutdownGracefully(0, 0, TimeUnit.SECONDS);
      throw new IOException(
          "cannot listen on " + address + ": " + bound.cause().getMessage(), bound.cause());
    }
    return new HttpFront(loops, bound.channel(), connections);
  }

  /// The address in use, with the real port.
  public InetSocketAddress address() {
    return (InetSocketAddress) listener.localAddress();
  }

  static Request request(
      String method,
      String uri,
      Map<String, List<String>> headers,
      byte[] body,
      InetSocketAddress remote) {
    int question = uri.indexOf('?');
    String path = question < 0 ? uri : uri.substring(0, question);
    Query query = Query.parse(question < 0 ? "" : uri.substring(question + 1));
    return new Request(method, path, query, headers, body, remote);
  }

  @Override
  public void close() {
    listener.close().awaitUninterruptibly();
    // A loop that ends may lose a connection that it is just taking over, still open, and the
    // client would wait for an answer: so all are taken over, then closed, and only then it ends.
    awaitLoops();
    connections.close().awaitUninterruptibly();
    awaitLoops();
    loops.shutdownGracefully(0, 1, TimeUnit.SECONDS).awaitUninterruptibly();
  }

  private void awaitLoops() {
    loops.forEach(loop -> loop.submit(() -> {}).awaitUninterruptibly());
  }

  private static final class Negotiation extends ApplicationProtocolNegotiationHandler {
    private final Handler handler;
    private final Doorkeeper doorkeeper;
    private final BodyBudget budget;

    Negotiation(Handler handler, Doorkeeper doorkeeper, BodyBudget budget) {
      super(ApplicationProtocolNames.HTTP_1_1);
      this.doorkeeper = doorkeeper;
      this.budget = budget;
      this.handler = handler;
    }

    @Override
    protected void configurePipeline(ChannelHandlerContext context, String protocol) {
      Optional<X509Certificate> certificate = certificate(context);
      if (protocol.equals(ApplicationProtocolNames.HTTP_2)) {
        Http2Settings settings =
            Http2Settings.defaultSettings()
                .maxConcurrentStreams(Http2Connection.MAX_STREAMS)
                .initialWindowSize(1 << 20)
                .maxHeaderListSize(MAX_HEAD_BYTES);
        context
            .pipeline()
            .addLast(
                Http2FrameCodecBuilder.forServer().initialSettings(settings).build(),
                new Http2Connection(handler, doorkeeper, budget.share(), certificate));
      } else {
        context
            .pipeline()
            .addLast(
                new HttpServerCodec(MAX_HEAD_BYTES, MAX_HEAD_BYTES, 64 << 10),
                new Http1Connection(handler, doorkeeper, budget.share(), certificate));
      }
    }

    @Override
    protected void handshakeFailure(ChannelHandlerContext context, Throwable cause) {
      context.close();
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
      context.close();
    }

    private static Optional<X509Certificate> certificate(ChannelHandlerContext context) {
      try {
        SslHandler tls = context.pipeline().get(SslHandler.class);
        return tls.engine().getSession().getPeerCertificates()[0]
                instanceof X509Certificate certificate
            ? Optional.of(certificate)
            : Optional.empty();
      } catch (SSLPeerUnverifiedException _) {
        return Optional.empty();
      }
    }
  }
}
