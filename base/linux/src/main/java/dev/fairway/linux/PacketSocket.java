// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import dev.fairway.linux.Native.SocketCalls;
import dev.fairway.linux.Native.TransportCalls;
import dev.fairway.net.IpFamily;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/// Whole Ethernet frames by a link, packet(7): announcements, and what no other socket lets out or
/// in. Sending is safe for use by many threads; receiving is one thread's.
public final class PacketSocket implements AutoCloseable {
  private static final int AF_PACKET = 17;
  private static final int RAW = 3;
  private static final int CLOSE_ON_EXEC = 0x80000;
  private static final int NONBLOCK = 0x800;
  private static final int ADDRESS_BYTES = 20;
  private static final int SOL_PACKET = 263;
  private static final int PACKET_VNET_HDR = 15;
  private static final int SO_ATTACH_FILTER = 26;

  /// `struct virtio_net_hdr` of `linux/virtio_net.h`.
  private static final int OFFLOAD_BYTES = 10;

  private static final int NEEDS_CHECKSUM = 1;
  private static final int ETHERNET_BYTES = 14;
  private static final int MAX_BYTES = 1 << 16;
  private static final int HEADER_BYTES = 56;

  // Classic BPF (linux/filter.h).
  private static final int LOAD_BYTE = 0x30;
  private static final int LOAD_HALF = 0x28;
  private static final int AND = 0x54;
  private static final int IF_EQUAL = 0x15;
  private static final int IF_GREATER = 0x25;
  private static final int RETURN = 0x06;

  private final Fd fd;
  private final boolean tellsOffload;

  /// A frame that came.
  ///
  /// @param link index of the link it came by
  /// @param bytes from its destination on, without its checksum
  public record Frame(int link, byte[] bytes) {}

  private record Filter(int code, int ifTrue, int ifFalse, int value) {}

  private PacketSocket(Fd fd, boolean tellsOffload) {
    this.fd = fd;
    this.tellsOffload = tellsOffload;
  }

  /// Opens one that takes nothing in.
  ///
  /// @param link the index of a link of the given namespace
  public static PacketSocket open(NetworkNamespace namespace, int link) {
    return namespace.visit(() -> {
      Fd fd = socket(CLOSE_ON_EXEC);
      bind(fd, link, 0);
      return new PacketSocket(fd, false);
    });
  }

  /// Opens one that takes in what comes by any link of a namespace for groups: all of IPv4; of IPv6
  /// those beyond one link, and the reports of who listens to which (`ff02::16`, RFC 3810). It
  /// never waits: see [Readiness].
  public static PacketSocket ofGroups(NetworkNamespace namespace, IpFamily family) {
    return namespace.visit(() -> {
      Fd fd = socket(CLOSE_ON_EXEC | NONBLOCK);
      try (Arena arena = Arena.ofConfined()) {
        InetSocket.option(fd, SOL_PACKET, PACKET_VNET_HDR, 1, "PACKET_VNET_HDR");
        Filter[] filter = family == IpFamily.IPV4 ? groupsOfIpv4() : groupsOfIpv6();
        MemorySegment steps = arena.allocate(8L * filter.length, 8);
        for (int i = 0; i < filter.length; i++) {
          steps.set(JAVA_SHORT, 8L * i, (short) filter[i].code);
          steps.set(JAVA_BYTE, 8L * i + 2, (byte) filter[i].ifTrue);
          steps.set(JAVA_BYTE, 8L * i + 3, (byte) filter[i].ifFalse);
          steps.set(JAVA_INT, 8L * i + 4, filter[i].value);
        }
        MemorySegment program = arena.allocate(16, 8); // struct sock_fprog
        program.set(JAVA_SHORT, 0, (short) filter.length);
        program.set(ADDRESS, 8, steps);
        InetSocket.option(
            fd,
            InetSocket.SOL_SOCKET,
            SO_ATTACH_FILTER,
            program.toArray(JAVA_BYTE),
            "SO_ATTACH_FILTER");
        // Only now, so that nothing comes in unfiltered.
        bind(fd, 0, family == IpFamily.IPV4 ? 0x0800 : 0x86dd);
        return new PacketSocket(fd, true);
      } catch (RuntimeException e) {
        fd.close();
        throw e;
      }
    });
  }

  private static Filter[] groupsOfIpv4() {
    return new Filter[] {
      new Filter(LOAD_BYTE, 0, 0, ETHERNET_BYTES + 16),
      new Filter(AND, 0, 0, 0xf0),
      new Filter(IF_EQUAL, 0, 1, 0xe0),
      new Filter(RETURN, 0, 0, -1),
      new Filter(RETURN, 0, 0, 0)
    };
  }

  private static Filter[] groupsOfIpv6() {
    int destination = ETHERNET_BYTES + 24;
    return new Filter[] {
      new Filter(LOAD_BYTE, 0, 0, destination),
      new Filter(IF_EQUAL, 0, 6, 0xff),
      new Filter(LOAD_BYTE, 0, 0, destination + 1),
      new Filter(AND, 0, 0, 0x0f),
      new Filter(IF_GREATER, 2, 0, 2),
      new Filter(LOAD_HALF, 0, 0, destination + 14),
      new Filter(IF_EQUAL, 0, 1, 0x16),
      new Filter(RETURN, 0, 0, -1),
      new Filter(RETURN, 0, 0, 0)
    };
  }

  private static Fd socket(int flags) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = Native.state(arena);
      int number =
          (int) SocketCalls.linked().socket().invokeExact(state, AF_PACKET, RAW | flags, 0);
      if (number < 0) {
        throw new KernelException("socket", Native.errno(state), "AF_PACKET");
      }
      return new Fd(number);
    } catch (RuntimeException e) {
      throw e;
    } catch (Throwable t) {
      throw Native.impossible(t);
    }
  }

  private static void bind(Fd fd, int link, int protocol) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = Native.state(arena);
      int result =
          (int)
              TransportCalls.linked()
                  .bind()
                  .invokeExact(state, fd.number(), address(arena, link, protocol), ADDRESS_BYTES);
      if (result < 0) {
        fd.close();
        throw new KernelException("bind", Native.errno(state), "link " + link);
      }
    } catch (RuntimeException e) {
      throw e;
    } catch (Throwable t) {
      throw Native.impossible(t);
    }
  }

  /// `struct sockaddr_ll`
  private static MemorySegment address(Arena arena, int link, int protocol) {
    MemorySegment address = arena.allocate(ADDRESS_BYTES, 8);
    address.set(JAVA_SHORT, 0, (short) AF_PACKET);
    address.set(JAVA_BYTE, 2, (byte) (protocol >>> 8));
    address.set(JAVA_BYTE, 3, (byte) protocol);
    address.set(JAVA_INT, 4, link);
    return address;
  }

  Fd fd() {
    return fd;
  }

  /// Sends one frame by the link that it was opened for, from its destination on, without its
  /// checksum.
  public void send(byte[] frame) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = Native.state(arena);
      MemorySegment bytes = arena.allocateFrom(JAVA_BYTE, frame);
      long sent =
          (long)
              SocketCalls.linked()
                  .send()
                  .invokeExact(state, fd.number(), bytes, (long) frame.length, 0);
      if (sent < 0) {
        throw new KernelException("send", Native.errno(state), frame.length + " bytes");
      }
    } catch (RuntimeException e) {
      throw e;
    } catch (Throwable t) {
      throw Native.impossible(t);
    }
  }

  /// Sends one frame by any link, or drops it where the way is full, as the network might.
  ///
  /// @return 0, or the error number: no such link, too large, a full queue
  public int send(byte[] frame, int link) {
    int offload = tellsOffload ? OFFLOAD_BYTES : 0;
    int protocol = (frame[12] & 255) << 8 | (frame[13] & 255);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = Native.state(arena);
      MemorySegment bytes = arena.allocate(offload + frame.length, 8);
      MemorySegment.copy(frame, 0, bytes, JAVA_BYTE, offload, frame.length);
      long sent =
          (long)
              TransportCalls.linked()
                  .sendto()
                  .invokeExact(
                      state,
                      fd.number(),
                      bytes,
                      bytes.byteSize(),
                      0,
                      address(arena, link, protocol),
                      ADDRESS_BYTES);
      return sent >= 0 ? 0 : Native.errno(state);
    } catch (RuntimeException e) {
      throw e;
    } catch (Throwable t) {
      throw Native.impossible(t);
    }
  }

  /// Takes the next frame that waits, null if there is none. A checksum that the sender has left to
  /// its device is filled in; of what was to be cut into several packets nothing is told.
  public @Nullable Frame receive() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = Native.state(arena);
      MemorySegment name = arena.allocate(ADDRESS_BYTES, 8);
      MemorySegment bytes = arena.allocate(OFFLOAD_BYTES + MAX_BYTES, 8);
      MemorySegment vector = arena.allocate(16, 8);
      vector.set(ADDRESS, 0, bytes);
      vector.set(JAVA_LONG, 8, bytes.byteSize());
      MemorySegment header = arena.allocate(HEADER_BYTES, 8);
      while (true) {
        header.set(ADDRESS, 0, name);
        header.set(JAVA_INT, 8, ADDRESS_BYTES);
        header.set(ADDRESS, 16, vector);
        header.set(JAVA_LONG, 24, 1);
        long size =
            (long) TransportCalls.linked().recvmsg().invokeExact(state, fd.number(), header, 0);
        if (size < 0) {
          int errno = Native.errno(state);
          if (errno == Errno.EINTR || errno == Errno.ENETDOWN) {
            continue; // the latter is told once when a link goes down
          }
          return null;
        }
        Frame frame = frame(name.get(JAVA_INT, 4), bytes.asSlice(0, size).toArray(JAVA_BYTE));
        if (frame != null) {
          return frame;
        }
      }
    } catch (RuntimeException e) {
      throw e;
    } catch (Throwable t) {
      throw Native.impossible(t);
    }
  }

  private static @Nullable Frame frame(int link, byte[] bytes) {
    int length = bytes.length - OFFLOAD_BYTES;
    boolean cut = length < ETHERNET_BYTES || bytes[1] != 0;
    if (cut) {
      return null;
    }
    byte[] frame = new byte[length];
    System.arraycopy(bytes, OFFLOAD_BYTES, frame, 0, length);
    if ((bytes[0] & NEEDS_CHECKSUM) != 0) {
      MemorySegment header = MemorySegment.ofArray(bytes);
      int start = header.get(JAVA_SHORT.withByteAlignment(1), 6) & 0xffff;
      int at = start + (header.get(JAVA_SHORT.withByteAlignment(1), 8) & 0xffff);
      if (start > length || at + 2 > length) {
        return null;
      }
      int sum = InternetChecksum.of(frame, start, length - start);
      frame[at] = (byte) (sum >>> 8);
      frame[at + 1] = (byte) sum;
    }
    return new Frame(link, frame);
  }

  @Override
  public void close() {
    fd.close();
  }
}
