// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import dev.fairway.linux.Native.BatchCalls;
import dev.fairway.linux.Native.TransportCalls;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.TransportAddress;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.locks.LockSupport;

/// A UDP socket of a server that takes and sends many datagrams with one system call (recvmmsg(2),
/// sendmmsg(2)) and makes no garbage of them.
///
/// One platform thread calls [#receive], looks at each datagram, says what to [#reply], and
/// [#flush]es. Any thread may [#send] what took longer.
public final class DatagramBatch implements AutoCloseable {
  /// How many datagrams are taken at once.
  public static final int SIZE = 64;

  /// What a datagram may carry; of a longer one the rest is lost. All that passes any network whole
  /// does fit; larger buffers would cost the processor's caches more.
  public static final int MAX_BYTES = 1280;

  // Not a power of two, lest all of them fall on the same lines of the processor's cache.
  private static final int STRIDE = MAX_BYTES + 64;
  private static final int HEADER = 64; // struct mmsghdr
  private static final int HEADER_LENGTH = 56; // its msg_len
  private static final int VECTOR = 16; // struct iovec
  private static final int NAME = 32; // at least a struct sockaddr_in6
  private static final int WAIT_FOR_ONE = 0x10000;
  private static final int DONT_WAIT = 0x40;
  private static final int SO_RCVBUF = 8;
  private static final int SO_RCVTIMEO = 20;
  private static final int SO_RCVBUFFORCE = 33;
  private static final int SHUT_RDWR = 2;

  /// After so long [#receive] looks whether it is closed, should it not have been woken.
  private static final long LOOK_UP_MICROS = 500_000;

  /// How long [#receive] rests after an error, so that one that lasts does not keep a processor
  /// busy.
  private static final long REST_NANOS = 10_000_000;

  private final Fd fd;
  private final Object receiving = new Object();
  private final Object sending = new Object();
  private volatile boolean closed;

  private final MemorySegment state;
  private final MemorySegment headers;
  private final MemorySegment vectors;
  private final MemorySegment names;
  private final MemorySegment buffers;
  private final MemorySegment replies;
  private final MemorySegment replyVectors;
  private int received;
  private int replied;

  /// Who sent a datagram, and the way back.
  public static final class Sender {
    private final byte[] name;
    private final TransportAddress address;

    private Sender(byte[] name, TransportAddress address) {
      this.name = name;
      this.address = address;
    }

    /// An IPv4 address that came through an IPv6 socket is an IPv4 address.
    public TransportAddress address() {
      return address;
    }
  }

  private DatagramBatch(Fd fd) {
    this.fd = fd;
    Arena arena = Arena.ofAuto();
    state = Native.state(arena);
    headers = arena.allocate((long) HEADER * SIZE, 64);
    vectors = arena.allocate((long) VECTOR * SIZE, 64);
    names = arena.allocate((long) NAME * SIZE, 64);
    buffers = arena.allocate((long) STRIDE * SIZE, 64);
    replies = arena.allocate((long) HEADER * SIZE, 64);
    replyVectors = arena.allocate((long) VECTOR * SIZE, 64);
    for (int i = 0; i < SIZE; i++) {
      message(headers, i, names.address() + (long) NAME * i, vectors);
      vectors.set(JAVA_LONG, (long) VECTOR * i, buffers.address() + (long) STRIDE * i);
      vectors.set(JAVA_LONG, (long) VECTOR * i + 8, MAX_BYTES);
      message(replies, i, 0, replyVectors);
    }
  }

  private static void message(MemorySegment headers, int i, long name, MemorySegment vectors) {
    headers.set(JAVA_LONG, (long) HEADER * i, name);
    headers.set(JAVA_INT, (long) HEADER * i + 8, NAME);
    headers.set(ADDRESS, (long) HEADER * i + 16, vectors.asSlice((long) VECTOR * i));
    headers.set(JAVA_LONG, (long) HEADER * i + 24, 1);
  }

  /// Opens one in the calling thread's namespace.
  ///
  /// @param local port 0 lets the kernel choose; the unspecified address of either family takes
  ///   datagrams of both, where there are two
  /// @param bufferBytes how much may wait to be received
  /// @throws KernelException if the address is taken or not here
  public static DatagramBatch bind(TransportAddress local, int bufferBytes) {
    if (local.address().isUnspecified()) {
      try {
        return bind(new TransportAddress(IpAddress.parse("::"), local.port()), bufferBytes, true);
      } catch (KernelException e) {
        if (e.errno() != Errno.EAFNOSUPPORT || local.address().family() == IpFamily.IPV6) {
          throw e;
        }
      }
    }
    return bind(local, bufferBytes, false);
  }

  private static DatagramBatch bind(TransportAddress local, int bufferBytes, boolean bothFamilies) {
    Fd fd = InetSocket.openWaiting(local.address().family(), InetSocket.DATAGRAM);
    try {
      if (local.address().family() == IpFamily.IPV6) {
        InetSocket.option(
            fd, InetSocket.SOL_IPV6, InetSocket.IPV6_V6ONLY, bothFamilies ? 0 : 1, "IPV6_V6ONLY");
      }
      byte[] octets = new byte[16];
      MemorySegment value = MemorySegment.ofArray(octets);
      value.set(JAVA_LONG.withByteAlignment(1), 8, LOOK_UP_MICROS);
      InetSocket.option(fd, InetSocket.SOL_SOCKET, SO_RCVTIMEO, octets, "SO_RCVTIMEO");
      byte[] room = new byte[4];
      MemorySegment.ofArray(room).set(JAVA_INT.withByteAlignment(1), 0, bufferBytes);
      if (InetSocket.tryOption(fd, InetSocket.SOL_SOCKET, SO_RCVBUFFORCE, room) != 0) {
        InetSocket.option(fd, InetSocket.SOL_SOCKET, SO_RCVBUF, room, "SO_RCVBUF");
      }
      InetSocket.bind(fd, local);
      return new DatagramBatch(fd);
    } catch (RuntimeException e) {
      fd.close();
      throw e;
    }
  }

  public TransportAddress localAddress() {
    return InetSocket.localAddress(fd);
  }

  /// Waits for datagrams and takes those that are there. To be called on a platform thread.
  ///
  /// @return how many, or -1 if it was closed
  public int receive() {
    synchronized (receiving) {
      for (int i = 0; i < received; i++) {
        headers.set(JAVA_INT, (long) HEADER * i + 8, NAME);
      }
      received = 0;
      replied = 0;
      while (!closed) {
        int count;
        try {
          count =
              (int)
                  BatchCalls.linked()
                      .recvmmsg()
                      .invokeExact(
                          state, fd.number(), headers, SIZE, WAIT_FOR_ONE, MemorySegment.NULL);
        } catch (Throwable t) {
          throw Native.impossible(t);
        }
        if (count > 0 && !closed) {
          received = count;
          return count;
        }
        // Nothing for a while, a signal, or an error, as of something sent earlier.
        int errno = count < 0 ? Native.errno(state) : 0;
        if (errno != Errno.EAGAIN && errno != Errno.EINTR && !closed) {
          LockSupport.parkNanos(REST_NANOS);
        }
      }
      return -1;
    }
  }

  /// Copies a datagram that was received.
  ///
  /// @param into has room for [#MAX_BYTES]
  /// @return its length
  public int copy(int index, byte[] into) {
    int length = headers.get(JAVA_INT, (long) HEADER * index + HEADER_LENGTH);
    MemorySegment.copy(buffers, JAVA_BYTE, (long) STRIDE * index, into, 0, length);
    return length;
  }

  /// Whether a datagram that was received came over IPv6.
  public boolean isOfIpv6(int index) {
    long name = (long) NAME * index;
    return names.get(JAVA_SHORT, name) == IpFamily.IPV6.addressFamily() && !isMapped(name);
  }

  private boolean isMapped(long name) {
    return names.get(JAVA_LONG, name + 8) == 0 && names.get(JAVA_INT, name + 16) == 0xffff_0000;
  }

  /// Who sent a datagram that was received.
  public Sender sender(int index) {
    long at = (long) NAME * index;
    MemorySegment name = names.asSlice(at, NAME);
    TransportAddress address = SocketAddressWire.read(name);
    if (address == null) {
      throw new IllegalStateException("a datagram from nobody");
    }
    byte[] octets =
        name.asSlice(0, headers.get(JAVA_INT, (long) HEADER * index + 8)).toArray(JAVA_BYTE);
    if (address.address().family() == IpFamily.IPV6 && isMapped(at)) {
      byte[] four = name.asSlice(20, 4).toArray(JAVA_BYTE);
      address = new TransportAddress(IpAddress.ofBytes(four), address.port());
    }
    return new Sender(octets, address);
  }

  /// Says what goes back to the sender of a datagram that was received; at most once for each.
  ///
  /// @param length at most [#MAX_BYTES]
  public void reply(int index, byte[] octets, int length) {
    MemorySegment.copy(octets, 0, buffers, JAVA_BYTE, (long) STRIDE * index, length);
    long header = (long) HEADER * replied;
    replies.set(JAVA_LONG, header, names.address() + (long) NAME * index);
    replies.set(JAVA_INT, header + 8, headers.get(JAVA_INT, (long) HEADER * index + 8));
    long vector = (long) VECTOR * replied;
    replyVectors.set(JAVA_LONG, vector, buffers.address() + (long) STRIDE * index);
    replyVectors.set(JAVA_LONG, vector + 8, length);
    replied++;
  }

  /// Sends all replies. One that cannot be sent, as to port 0, is dropped.
  public void flush() {
    synchronized (receiving) {
      int done = 0;
      while (done < replied && !closed) {
        MemorySegment rest = done == 0 ? replies : replies.asSlice((long) HEADER * done);
        int sent;
        try {
          sent =
              (int)
                  BatchCalls.linked()
                      .sendmmsg()
                      .invokeExact(state, fd.number(), rest, replied - done, DONT_WAIT);
        } catch (Throwable t) {
          throw Native.impossible(t);
        }
        done += sent > 0 ? sent : 1;
      }
      replied = 0;
    }
  }

  /// Sends one datagram, or drops it where the way is full, as the network might.
  ///
  /// @return 0, or the error number
  public int send(Sender to, byte[] octets, int length) {
    synchronized (sending) {
      if (closed) {
        return Errno.ENODEV;
      }
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment own = Native.state(arena);
        MemorySegment name = arena.allocate(NAME, 8);
        MemorySegment.copy(to.name, 0, name, JAVA_BYTE, 0, to.name.length);
        MemorySegment out = arena.allocate(Math.max(1, length));
        MemorySegment.copy(octets, 0, out, JAVA_BYTE, 0, length);
        long sent =
            (long)
                TransportCalls.linked()
                    .sendto()
                    .invokeExact(
                        own, fd.number(), out, (long) length, DONT_WAIT, name, to.name.length);
        return sent >= 0 ? 0 : Native.errno(own);
      } catch (RuntimeException e) {
        throw e;
      } catch (Throwable t) {
        throw Native.impossible(t);
      }
    }
  }

  /// Ends [#receive], too, and waits until it has ended.
  @Override
  public void close() {
    synchronized (sending) {
      if (closed) {
        return;
      }
      closed = true;
      try (Arena arena = Arena.ofConfined()) {
        // Not connected, so it fails; who waits is woken all the same.
        int _ =
            (int)
                TransportCalls.linked()
                    .shutdown()
                    .invokeExact(Native.state(arena), fd.number(), SHUT_RDWR);
      } catch (Throwable t) {
        throw Native.impossible(t);
      }
    }
    synchronized (receiving) {
      fd.close();
    }
  }
}
