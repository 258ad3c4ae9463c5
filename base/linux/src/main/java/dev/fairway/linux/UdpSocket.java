// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.fairway.linux.Native.TransportCalls;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.TransportAddress;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/// A UDP socket that tells of each datagram how far it has come and over which link. It never
/// waits: see [Readiness].
public final class UdpSocket implements AutoCloseable {
  private static final int IP_PKTINFO = 8;
  private static final int IP_RECVTTL = 12;
  private static final int IP_TTL = 2;
  private static final int IPV6_RECVPKTINFO = 49;
  private static final int IPV6_PKTINFO = 50;
  private static final int IPV6_RECVHOPLIMIT = 51;
  private static final int IPV6_HOPLIMIT = 52;
  private static final int MAX_BYTES = 2048;
  private static final int CONTROL_BYTES = 256;
  private static final int HEADER_BYTES = 56;

  private final Fd fd;
  private final int minimumTtl;
  private boolean closed;

  private UdpSocket(Fd fd, int minimumTtl) {
    this.fd = fd;
    this.minimumTtl = minimumTtl;
  }

  /// A datagram that came.
  ///
  /// @param from who sent it
  /// @param to address it was sent to
  /// @param link index of the link it came by
  /// @param ttl it had left on arrival
  /// @param bytes at most 2048; of a longer one the rest is lost
  public record Datagram(TransportAddress from, IpAddress to, int link, int ttl, byte[] bytes) {}

  /// Opens one that is bound.
  ///
  /// @param local port 0 lets the kernel choose
  public static UdpSocket open(
      NetworkNamespace namespace, SocketSettings settings, TransportAddress local) {
    IpFamily family = local.address().family();
    Fd fd = namespace.visit(() -> InetSocket.open(family, InetSocket.DATAGRAM, settings));
    try {
      switch (family) {
        case IPV4 -> {
          InetSocket.option(fd, InetSocket.SOL_IP, IP_RECVTTL, 1, "IP_RECVTTL");
          InetSocket.option(fd, InetSocket.SOL_IP, IP_PKTINFO, 1, "IP_PKTINFO");
        }
        case IPV6 -> {
          InetSocket.option(fd, InetSocket.SOL_IPV6, IPV6_RECVHOPLIMIT, 1, "IPV6_RECVHOPLIMIT");
          InetSocket.option(fd, InetSocket.SOL_IPV6, IPV6_RECVPKTINFO, 1, "IPV6_RECVPKTINFO");
        }
      }
      InetSocket.bind(fd, local);
      return new UdpSocket(fd, settings.minimumTtl());
    } catch (RuntimeException e) {
      fd.close();
      throw e;
    }
  }

  Fd fd() {
    return fd;
  }

  public TransportAddress localAddress() {
    return InetSocket.localAddress(fd);
  }

  /// Sends one datagram, or drops it where the way is full, as the network might.
  ///
  /// @param link index that a link-local IPv6 address belongs to, else 0
  /// @return 0, or the error number: no route, refused, a full buffer
  public synchronized int send(byte[] bytes, TransportAddress to, int link) {
    if (closed) {
      return Errno.ENODEV;
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = Native.state(arena);
      MemorySegment name = SocketAddressWire.write(arena, to, link);
      MemorySegment out = arena.allocate(Math.max(1, bytes.length));
      MemorySegment.copy(bytes, 0, out, JAVA_BYTE, 0, bytes.length);
      long sent =
          (long)
              TransportCalls.linked()
                  .sendto()
                  .invokeExact(
                      state, fd.number(), out, (long) bytes.length, 0, name, (int) name.byteSize());
      return sent >= 0 ? 0 : Native.errno(state);
    } catch (RuntimeException e) {
      throw e;
    } catch (Throwable t) {
      throw Native.impossible(t);
    }
  }

  /// Takes the next datagram that waits and has come no further than the settings allow; null if
  /// there is none.
  public synchronized @Nullable Datagram receive() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = Native.state(arena);
      MemorySegment name = arena.allocate(SocketAddressWire.MAX_BYTES, 8);
      MemorySegment bytes = arena.allocate(MAX_BYTES, 8);
      MemorySegment control = arena.allocate(CONTROL_BYTES, 8);
      MemorySegment vector = arena.allocate(16, 8);
      vector.set(ADDRESS, 0, bytes);
      vector.set(JAVA_LONG, 8, MAX_BYTES);
      MemorySegment header = arena.allocate(HEADER_BYTES, 8);
      while (!closed) {
        header.set(ADDRESS, 0, name);
        header.set(JAVA_INT, 8, SocketAddressWire.MAX_BYTES);
        header.set(ADDRESS, 16, vector);
        header.set(JAVA_LONG, 24, 1);
        header.set(ADDRESS, 32, control);
        header.set(JAVA_LONG, 40, CONTROL_BYTES);
        header.set(JAVA_INT, 48, 0);
        long size =
            (long) TransportCalls.linked().recvmsg().invokeExact(state, fd.number(), header, 0);
        if (size < 0) {
          if (Native.errno(state) == Errno.EAGAIN) {
            return null;
          }
          continue; // an ICMP error of something sent earlier, or a signal; each is told once
        }
        Datagram datagram = read(header, name, bytes, control, (int) size);
        if (datagram != null && datagram.ttl() >= minimumTtl) {
          return datagram;
        }
      }
      return null;
    } catch (RuntimeException e) {
      throw e;
    } catch (Throwable t) {
      throw Native.impossible(t);
    }
  }

  private static @Nullable Datagram read(
      MemorySegment header,
      MemorySegment name,
      MemorySegment bytes,
      MemorySegment control,
      int size) {
    TransportAddress from = SocketAddressWire.read(name);
    long end = Math.min(header.get(JAVA_LONG, 40), CONTROL_BYTES);
    int ttl = 0;
    int link = 0;
    IpAddress to = null;
    long at = 0;
    while (at + 16 <= end) {
      long length = control.get(JAVA_LONG, at);
      if (length < 16 || length > end - at) {
        break;
      }
      int level = control.get(JAVA_INT, at + 8);
      int type = control.get(JAVA_INT, at + 12);
      if ((level == InetSocket.SOL_IP && type == IP_TTL)
          || (level == InetSocket.SOL_IPV6 && type == IPV6_HOPLIMIT)) {
        ttl = control.get(JAVA_INT, at + 16);
      } else if (level == InetSocket.SOL_IP && type == IP_PKTINFO) {
        link = control.get(JAVA_INT, at + 16);
        to = IpAddress.ofBytes(control.asSlice(at + 24, 4).toArray(JAVA_BYTE));
      } else if (level == InetSocket.SOL_IPV6 && type == IPV6_PKTINFO) {
        to = IpAddress.ofBytes(control.asSlice(at + 16, 16).toArray(JAVA_BYTE));
        link = control.get(JAVA_INT, at + 32);
      }
      at += (length + 7) & ~7L;
    }
    if (from == null || to == null) {
      return null;
    }
    return new Datagram(from, to, link, ttl, bytes.asSlice(0, size).toArray(JAVA_BYTE));
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      fd.close();
    }
  }
}
