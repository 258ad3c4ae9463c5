// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp;

import dev.fairway.linux.NetworkNamespace;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import dev.fairway.net.TransportAddress;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.net.StandardProtocolFamily;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// TCP by the JDK's sockets, in one network namespace. Knows neither signatures nor hop limits: a
/// peer that asks for them is refused with a clear message.
public final class TcpTransport implements BgpTransport {
  private final Optional<NetworkNamespace> namespace;

  private TcpTransport(Optional<NetworkNamespace> namespace) {
    this.namespace = namespace;
  }

  /// In the namespace that the process runs in.
  public static TcpTransport here() {
    return new TcpTransport(Optional.empty());
  }

  /// In a namespace; the handle stays the caller's and must stay open.
  public static TcpTransport in(NetworkNamespace namespace) {
    return new TcpTransport(Optional.of(namespace));
  }

  @Override
  public Connection connect(TransportAddress remote, Guard guard) throws IOException {
    refuseUnknown(remote.address().toString(), guard);
    SocketChannel channel = open(() -> SocketChannel.open(family(remote.address())));
    try {
      if (guard.socket().localAddress().isPresent()) {
        IpAddress local = guard.socket().localAddress().get();
        channel.bind(new InetSocketAddress(local.toInetAddress(), 0));
      }
      channel.connect(socketAddress(remote));
      return new TcpConnection(channel);
    } catch (IOException e) {
      channel.close();
      throw e;
    }
  }

  @Override
  public Listener listen(TransportAddress local) throws IOException {
    ServerSocketChannel channel = open(() -> ServerSocketChannel.open(family(local.address())));
    try {
      channel.setOption(StandardSocketOptions.SO_REUSEADDR, true);
      channel.bind(socketAddress(local), 64);
      return new TcpListener(channel);
    } catch (IOException e) {
      channel.close();
      throw new IOException("cannot listen at " + local + ": " + e.getMessage(), e);
    }
  }

  private static void refuseUnknown(String who, Guard guard) throws IOException {
    if (guard.socket().signature().isPresent()) {
      throw new IOException("peer " + who + ": this transport has no signatures");
    }
    if (guard.socket().reach() instanceof PeerSocket.Reach.Security) {
      throw new IOException("peer " + who + ": this transport has no TTL security");
    }
  }

  private interface Opening<T> {
    T open() throws IOException;
  }

  private <T> T open(Opening<T> opening) throws IOException {
    if (namespace.isEmpty()) {
      return opening.open();
    }
    try {
      return namespace
          .get()
          .call(() -> {
            try {
              return opening.open();
            } catch (IOException e) {
              throw new UncheckedIOException(e);
            }
          });
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }

  private static StandardProtocolFamily family(IpAddress address) {
    return address.family() == IpFamily.IPV4
        ? StandardProtocolFamily.INET
        : StandardProtocolFamily.INET6;
  }

  private static InetSocketAddress socketAddress(TransportAddress address) {
    return new InetSocketAddress(address.address().toInetAddress(), address.port());
  }

  private static TransportAddress address(java.net.SocketAddress address) {
    InetSocketAddress inet = (InetSocketAddress) address;
    return new TransportAddress(IpAddress.ofBytes(inet.getAddress().getAddress()), inet.getPort());
  }

  private record TcpConnection(
      SocketChannel channel, TransportAddress local, TransportAddress remote)
      implements Connection {
    TcpConnection(SocketChannel channel) throws IOException {
      this(channel, address(channel.getLocalAddress()), address(channel.getRemoteAddress()));
      channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
    }

    @Override
    public int read(ByteBuffer into) throws IOException {
      return channel.read(into);
    }

    @Override
    public void write(ByteBuffer from) throws IOException {
      while (from.hasRemaining()) {
        channel.write(from);
      }
    }

    @Override
    public void close() {
      try {
        channel.close();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  private static final class TcpListener implements Listener {
    private final ServerSocketChannel channel;
    private final TransportAddress local;
    private volatile List<Prefix> unguarded = List.of();

    TcpListener(ServerSocketChannel channel) throws IOException {
      this.channel = channel;
      local = address(channel.getLocalAddress());
    }

    @Override
    public Connection accept() throws IOException {
      while (true) {
        SocketChannel accepted = channel.accept();
        try {
          TcpConnection connection = new TcpConnection(accepted);
          IpAddress from = connection.remote().address();
          if (unguarded.stream().noneMatch(range -> range.contains(from))) {
            return connection;
          }
          accepted.close();
        } catch (IOException e) {
          accepted.close(); // it was gone before it was looked at
        }
      }
    }

    @Override
    public void guard(List<Guarded> guards) throws IOException {
      List<Prefix> left = new ArrayList<>();
      IOException first = null;
      for (Guarded guarded : guards) {
        try {
          refuseUnknown(guarded.from().toString(), guarded.guard());
        } catch (IOException e) {
          left.add(guarded.from());
          first = first == null ? e : first;
        }
      }
      unguarded = List.copyOf(left);
      if (first != null) {
        throw first;
      }
    }

    @Override
    public TransportAddress local() {
      return local;
    }

    @Override
    public void close() {
      try {
        channel.close();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }
}
