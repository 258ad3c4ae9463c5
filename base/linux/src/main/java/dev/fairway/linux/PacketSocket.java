// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// Sends whole Ethernet frames by a link, packet(7): announcements, and what no other socket lets
/// out.
public final class PacketSocket implements AutoCloseable {
  private static final int AF_PACKET = 17;
  private static final int RAW_CLOSED_ON_EXEC = 3 | 0x80000;
  private static final int ADDRESS_BYTES = 20;

  private final Fd fd;

  private PacketSocket(Fd fd) {
    this.fd = fd;
  }

  /// Opens one that takes nothing in.
  ///
  /// @param link the index of a link of the given namespace
  public static PacketSocket open(NetworkNamespace namespace, int link) {
    return namespace.visit(() -> open(link));
  }

  private static PacketSocket open(int link) {
    Native.SocketCalls calls = Native.SocketCalls.linked();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = Native.state(arena);
      int number = (int) calls.socket().invokeExact(state, AF_PACKET, RAW_CLOSED_ON_EXEC, 0);
      if (number < 0) {
        throw new KernelException("socket", Native.errno(state), "AF_PACKET");
      }
      Fd fd = new Fd(number);
      MemorySegment address = arena.allocate(ADDRESS_BYTES, 8); // struct sockaddr_ll
      address.set(JAVA_SHORT, 0, (short) AF_PACKET);
      address.set(JAVA_INT, 4, link);
      int result =
          (int)
              Native.TransportCalls.linked()
                  .bind()
                  .invokeExact(state, number, address, ADDRESS_BYTES);
      if (result < 0) {
        fd.close();
        throw new KernelException("bind", Native.errno(state), "link " + link);
      }
      return new PacketSocket(fd);
    } catch (RuntimeException e) {
      throw e;
    } catch (Throwable t) {
      throw Native.impossible(t);
    }
  }

  /// Sends one frame, from its destination on, without its checksum.
  public void send(byte[] frame) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = Native.state(arena);
      MemorySegment bytes = arena.allocateFrom(JAVA_BYTE, frame);
      long sent =
          (long)
              Native.SocketCalls.linked()
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

  @Override
  public void close() {
    fd.close();
  }
}
