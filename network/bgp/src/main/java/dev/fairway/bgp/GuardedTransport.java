// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp;

import dev.fairway.bgp.PeerSocket.Reach;
import dev.fairway.bgp.PeerSocket.Signature;
import dev.fairway.linux.KernelException;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.SocketKey;
import dev.fairway.linux.SocketSettings;
import dev.fairway.linux.Sockets;
import dev.fairway.linux.TcpSocket;
import dev.fairway.net.Prefix;
import dev.fairway.net.TransportAddress;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/// TCP by the kernel's own door: signatures (RFC 2385, RFC 5925), TTL security (RFC 5082), and one
/// hop only for neighbours of other ASes that are not said to be further away.
public final class GuardedTransport implements BgpTransport, AutoCloseable {
  private static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(10);
  private static final Duration FOR_EVER = Duration.ofDays(1000);
  private static final int NETWORK_CONTROL = 0xc0; // RFC 4594: class CS6

  private final NetworkNamespace namespace;
  private final Sockets sockets = Sockets.open();

  /// Speaks from a namespace; the handle stays the caller's and must stay open.
  public GuardedTransport(NetworkNamespace namespace) {
    this.namespace = namespace;
  }

  @Override
  public Connection connect(TransportAddress remote, Guard guard) throws IOException {
    List<SocketKey> keys = keys(remote.address().toPrefix(), guard);
    TransportAddress local =
        guard.socket().localAddress().map(address -> new TransportAddress(address, 0)).orElse(null);
    try {
      SocketSettings settings = reach(guard).withKeys(keys);
      return new Stream(sockets.connect(namespace, settings, local, remote, CONNECT_TIMEOUT));
    } catch (KernelException e) {
      throw new IOException("peer " + remote + ": " + e.getMessage(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      InterruptedIOException interrupted = new InterruptedIOException("peer " + remote);
      interrupted.initCause(e);
      throw interrupted;
    }
  }

  @Override
  public Listener listen(TransportAddress local) throws IOException {
    SocketSettings settings = SocketSettings.NONE.withTrafficClass(NETWORK_CONTROL);
    try {
      return new Door(sockets.listen(namespace, settings, local));
    } catch (KernelException e) {
      throw new IOException("cannot listen at " + local + ": " + e.getMessage(), e);
    }
  }

  private static List<SocketKey> keys(Prefix from, Guard guard) {
    return guard.socket().signature().stream()
        .<SocketKey>map(signature ->
            switch (signature) {
              case Signature.Md5(String password) -> new SocketKey.Md5(from, password);
              case Signature.Ao(int sendId, int receiveId, String password) ->
                  new SocketKey.Ao(from, sendId, receiveId, password);
            })
        .toList();
  }

  private static SocketSettings reach(Guard guard) {
    SocketSettings settings = SocketSettings.NONE.withTrafficClass(NETWORK_CONTROL);
    return switch (guard.socket().reach()) {
      case Reach.Usual() -> guard.external() ? settings.withTtl(1) : settings;
      case Reach.Multihop(int hops) -> settings.withTtl(hops);
      case Reach.Security(int hops) -> settings.withTtlSecurity(Math.min(hops, 254));
    };
  }

  private static final class Stream implements Connection {
    private final TcpSocket socket;
    private final TransportAddress local;
    private final byte[] in = new byte[16 << 10];
    private final byte[] out = new byte[16 << 10];

    Stream(TcpSocket socket) throws IOException {
      this.socket = socket;
      this.local = socket.localAddress();
    }

    @Override
    public int read(ByteBuffer into) throws IOException {
      int most = Math.min(in.length, into.remaining());
      int count = socket.read(in, 0, most, FOR_EVER);
      if (count > 0) {
        into.put(in, 0, count);
      }
      return count;
    }

    @Override
    public void write(ByteBuffer from) throws IOException {
      while (from.hasRemaining()) {
        int count = Math.min(out.length, from.remaining());
        from.get(out, 0, count);
        socket.write(out, 0, count, FOR_EVER);
      }
    }

    @Override
    public TransportAddress local() {
      return local;
    }

    @Override
    public TransportAddress remote() {
      return socket.remoteAddress();
    }

    @Override
    public void close() {
      socket.close();
    }
  }

  private static final class Door implements Listener {
    private final dev.fairway.linux.TcpListener listener;
    private final TransportAddress local;
    private volatile List<Guarded> guards = List.of();
    private volatile List<Prefix> unguarded = List.of();

    Door(dev.fairway.linux.TcpListener listener) throws IOException {
      this.listener = listener;
      this.local = listener.localAddress();
    }

    @Override
    public Connection accept() throws IOException {
      while (true) {
        TcpSocket socket = listener.accept();
        if (unguarded.stream().anyMatch(r -> r.contains(socket.remoteAddress().address()))) {
          socket.close();
          continue;
        }
        try {
          for (Guarded guarded : guards) {
            if (guarded.from().contains(socket.remoteAddress().address())) {
              socket.reach(reach(guarded.guard()));
              break;
            }
          }
          return new Stream(socket);
        } catch (IOException | KernelException e) {
          socket.close(); // it was gone before it was looked at
        }
      }
    }

    /// Longest ranges first, so that a neighbour of its own goes before a range that holds it.
    @Override
    public void guard(List<Guarded> wanted) throws IOException {
      List<Guarded> sorted = new ArrayList<>(wanted);
      sorted.sort((a, b) -> Integer.compare(b.from().length(), a.from().length()));
      List<SocketKey> keys = new ArrayList<>();
      for (Guarded guarded : sorted) {
        if (guarded.from().family() == local.address().family()) {
          keys.addAll(keys(guarded.from(), guarded.guard()));
        }
      }
      guards = List.copyOf(sorted);
      try {
        listener.keys(keys);
        unguarded = List.of();
      } catch (KernelException e) {
        unguarded = keys.stream().map(SocketKey::peers).toList();
        IOException failure = new IOException("listening at " + local + ": " + e.getMessage(), e);
        unguarded = refused(keys);
        throw failure;
      }
    }

    /// Whose keys the kernel does not take; the others' are in place then.
    private List<Prefix> refused(List<SocketKey> wanted) throws IOException {
      List<SocketKey> taken = new ArrayList<>();
      List<Prefix> refused = new ArrayList<>();
      for (SocketKey key : wanted) {
        taken.add(key);
        try {
          listener.keys(taken);
        } catch (KernelException e) {
          taken.removeLast();
          refused.add(key.peers());
        }
      }
      return List.copyOf(refused);
    }

    @Override
    public TransportAddress local() {
      return local;
    }

    @Override
    public void close() {
      listener.close();
    }
  }

  /// After every speaker on it is closed.
  @Override
  public void close() {
    sockets.close();
  }
}
