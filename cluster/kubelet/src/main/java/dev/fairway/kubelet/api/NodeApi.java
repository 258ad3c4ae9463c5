// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet.api;

import dev.fairway.kubelet.cri.Cri;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.ssl.ClientAuth;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslProvider;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

/// The listener of the node's HTTPS API.
public final class NodeApi implements AutoCloseable {
  private static final int MAX_HEAD_BYTES = 64 * 1024;
  private static final int BACKLOG = 128;

  private final EventLoopGroup loop;
  private final Channel listener;

  private NodeApi(EventLoopGroup loop, Channel listener) {
    this.loop = loop;
    this.listener = listener;
  }

  /// Listens on every address of the machine.
  ///
  /// @param certificate PEM files: what the server shows, its PKCS#8 key, and who signs its clients
  /// @param port 0 for a free one
  /// @throws IOException if the files cannot be used or the port is taken; the message says which
  public static NodeApi start(
      Path certificate, Path key, Path clientAuthority, int port, NodePods pods, Cri cri)
      throws IOException {
    SslContext tls = tls(certificate, key, clientAuthority);
    EventLoopGroup loop = new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());
    ServerBootstrap bootstrap =
        new ServerBootstrap()
            .group(loop)
            .channel(NioServerSocketChannel.class)
            .option(ChannelOption.SO_BACKLOG, BACKLOG)
            .option(ChannelOption.SO_REUSEADDR, true)
            .childOption(ChannelOption.TCP_NODELAY, true)
            .childHandler(
                new ChannelInitializer<SocketChannel>() {
                  @Override
                  protected void initChannel(SocketChannel channel) {
                    channel
                        .pipeline()
                        .addLast(tls.newHandler(channel.alloc()))
                        .addLast(new HttpServerCodec(4096, MAX_HEAD_BYTES, 8192))
                        .addLast(new RequestHandler(pods, cri));
                  }
                });
    var bound = bootstrap.bind(port).awaitUninterruptibly();
    if (!bound.isSuccess()) {
      loop.shutdownGracefully(0, 1, TimeUnit.SECONDS);
      throw new IOException(
          "the node's API cannot listen on port " + port + ": " + bound.cause().getMessage());
    }
    return new NodeApi(loop, bound.channel());
  }

  /// The port it listens on.
  public int port() {
    return ((InetSocketAddress) listener.localAddress()).getPort();
  }

  @Override
  public void close() {
    listener.close();
    loop.shutdownGracefully(0, 1, TimeUnit.SECONDS);
  }

  private static SslContext tls(Path certificate, Path key, Path clientAuthority)
      throws IOException {
    try (InputStream chain = Files.newInputStream(certificate);
        InputStream secret = Files.newInputStream(key);
        InputStream authority = Files.newInputStream(clientAuthority)) {
      return SslContextBuilder.forServer(chain, secret)
          .trustManager(authority)
          .clientAuth(ClientAuth.REQUIRE)
          .sslProvider(SslProvider.JDK)
          .protocols("TLSv1.3", "TLSv1.2")
          .build();
    } catch (IllegalArgumentException e) {
      throw new IOException(
          "the node's API cannot use "
              + certificate
              + ", "
              + key
              + ", "
              + clientAuthority
              + ": "
              + e.getMessage(),
          e);
    }
  }
}
