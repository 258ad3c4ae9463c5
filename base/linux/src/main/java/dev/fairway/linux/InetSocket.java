// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.fairway.linux.Native.SocketCalls;
import dev.fairway.linux.Native.TransportCalls;
import dev.fairway.net.IpFamily;
import dev.fairway.net.TransportAddress;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;

/// A descriptor of an IP socket, never blocking, and the calls that TCP and UDP share (ip(7),
/// ipv6(7), socket(7)).
final class InetSocket {
  static final int STREAM = 1;
  static final int DATAGRAM = 2;
  private static final int CLOEXEC = 0x80000;
  static final int NONBLOCK_CLOEXEC = 0x800 | CLOEXEC;

  static final int SOL_IP = 0;
  static final int SOL_SOCKET = 1;
  static final int SOL_TCP = 6;
  static final int SOL_IPV6 = 41;
  private static final int SO_REUSEADDR = 2;
  private static final int SO_ERROR = 4;
  private static final int SO_BINDTODEVICE = 25;
  private static final int SO_MARK = 36;
  private static final int IP_TOS = 1;
  private static final int IP_TTL = 2;
  private static final int IP_MINTTL = 21;
  private static final int IPV6_UNICAST_HOPS = 16;
  static final int IPV6_V6ONLY = 26;
  private static final int IPV6_TCLASS = 67;
  private static final int IPV6_MINHOPCOUNT = 73;

  private InetSocket() {}

  /// A socket in the calling thread's namespace with everything set that is set before binding.
  static Fd open(IpFamily family, int type, SocketSettings settings) {
    Fd fd = open(family, type);
    try {
      apply(fd, family, type, settings);
      return fd;
    } catch (RuntimeException e) {
      fd.close();
      throw e;
    }
  }

  private static Fd open(IpFamily family, int type) {
    return make(family, type | NONBLOCK_CLOEXEC);
  }

  /// One whose calls wait, for a thread that has nothing else to do.
  static Fd openWaiting(IpFamily family, int type) {
    return make(family, type | CLOEXEC);
  }

  private static Fd make(IpFamily family, int type) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = Native.state(arena);
      int number =
          (int) SocketCalls.linked().socket().invokeExact(state, family.addressFamily(), type, 0);
      if (number < 0) {
        throw new KernelException("socket", Native.errno(state), "an " + family + " socket");
      }
      return new Fd(number);
    } catch (RuntimeException e) {
      throw e;
    } catch (Throwable t) {
      throw Native.impossible(t);
    }
  }

  private static void apply(Fd fd, IpFamily family, int type, SocketSettings settings) {
    boolean six = family == IpFamily.IPV6;
    if (type == STREAM) {
      option(fd, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR"); // UDP would share the port by it
    }
    if (six) {
      option(fd, SOL_IPV6, IPV6_V6ONLY, 1, "IPV6_V6ONLY");
    }
    if (settings.device() != null) {
      byte[] name = (settings.device() + "\0").getBytes(StandardCharsets.UTF_8);
      option(fd, SOL_SOCKET, SO_BINDTODEVICE, name, "SO_BINDTODEVICE " + settings.device());
    }
    if (settings.mark() != 0) {
      option(fd, SOL_SOCKET, SO_MARK, settings.mark(), "SO_MARK");
    }
    reach(fd, family, type, settings);
    for (SocketKey key : settings.keys()) {
      TcpKeys.put(fd, key);
    }
  }

  /// Sets how far packets go and may have come, as far as the settings say.
  static void reach(Fd fd, IpFamily family, int type, SocketSettings settings) {
    boolean six = family == IpFamily.IPV6;
    if (settings.ttl() != 0) {
      option(fd, six ? SOL_IPV6 : SOL_IP, six ? IPV6_UNICAST_HOPS : IP_TTL, settings.ttl(), "TTL");
    }
    if (settings.trafficClass() != 0) {
      option(
          fd, six ? SOL_IPV6 : SOL_IP, six ? IPV6_TCLASS : IP_TOS, settings.trafficClass(), "TOS");
    }
    if (settings.minimumTtl() != 0 && type == STREAM) {
      option(
          fd,
          six ? SOL_IPV6 : SOL_IP,
          six ? IPV6_MINHOPCOUNT : IP_MINTTL,
          settings.minimumTtl(),
          "minimum TTL");
    }
  }

  static void option(Fd fd, int level, int name, int value, String what) {
    byte[] bytes = new byte[4];
    MemorySegment.ofArray(bytes).set(JAVA_INT.withByteAlignment(1), 0, value);
    option(fd, level, name, bytes, what + " = " + value);
  }

  static void option(Fd fd, int level, int name, byte[] value, String what) {
    int errno = tryOption(fd, level, name, value);
    if (errno != 0) {
      throw new KernelException("setsockopt", errno, what);
    }
  }

  /// Sets an option; gives 0, or the error number.
  static int tryOption(Fd fd, int level, int name, byte[] value) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = Native.state(arena);
      MemorySegment bytes = arena.allocate(Math.max(1, value.length), 8);
      MemorySegment.copy(value, 0, bytes, JAVA_BYTE, 0, value.length);
      int result =
          (int)
              SocketCalls.linked()
                  .setsockopt()
                  .invokeExact(state, fd.number(), level, name, bytes, value.length);
      return result == 0 ? 0 : Native.errno(state);
    } catch (RuntimeException e) {
      throw e;
    } catch (Throwable t) {
      throw Native.impossible(t);
    }
  }

  static void bind(Fd fd, TransportAddress local) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = Native.state(arena);
      MemorySegment name = SocketAddressWire.write(arena, local, 0);
      int result =
          (int)
              TransportCalls.linked()
                  .bind()
                  .invokeExact(state, fd.number(), name, (int) name.byteSize());
      if (result < 0) {
        throw new KernelException("bind", Native.errno(state), local.toString());
      }
    } catch (RuntimeException e) {
      throw e;
    } catch (Throwable t) {
      throw Native.impossible(t);
    }
  }

  /// The address it is bound to.
  static TransportAddress localAddress(Fd fd) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = Native.state(arena);
      MemorySegment name = arena.allocate(SocketAddressWire.MAX_BYTES, 8);
      MemorySegment length = arena.allocateFrom(JAVA_INT, SocketAddressWire.MAX_BYTES);
      int result =
          (int) TransportCalls.linked().getsockname().invokeExact(state, fd.number(), name, length);
      TransportAddress address = result < 0 ? null : SocketAddressWire.read(name);
      if (address == null) {
        throw new KernelException("getsockname", Native.errno(state), "a socket");
      }
      return address;
    } catch (RuntimeException e) {
      throw e;
    } catch (Throwable t) {
      throw Native.impossible(t);
    }
  }

  /// What an earlier call on the socket ended in, 0 for well (`SO_ERROR`).
  static int pendingError(Fd fd) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = Native.state(arena);
      MemorySegment value = arena.allocateFrom(JAVA_INT, 0);
      MemorySegment length = arena.allocateFrom(JAVA_INT, 4);
      int result =
          (int)
              TransportCalls.linked()
                  .getsockopt()
                  .invokeExact(state, fd.number(), SOL_SOCKET, SO_ERROR, value, length);
      return result < 0 ? Native.errno(state) : value.get(JAVA_INT, 0);
    } catch (RuntimeException e) {
      throw e;
    } catch (Throwable t) {
      throw Native.impossible(t);
    }
  }
}
