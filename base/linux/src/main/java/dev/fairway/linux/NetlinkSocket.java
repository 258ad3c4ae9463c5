// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.fairway.linux.Native.SocketCalls;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/// A netlink socket (netlink(7)): messages go out in one send, and what the kernel answers comes
/// back typed. It stays in the namespace it was opened in.
///
/// The kernel works on a message inside the send call, so all answers are there when it returns and
/// nothing here waits; an answer that is missing was lost, which is an error. Safe for use by
/// several threads, one exchange at a time.
public final class NetlinkSocket implements AutoCloseable {
  /// `NETLINK_ROUTE`
  public static final int ROUTE = 0;

  /// `NETLINK_NETFILTER`
  public static final int NETFILTER = 12;

  /// `NETLINK_GENERIC`
  public static final int GENERIC = 16;

  private static final int AF_NETLINK = 16;
  private static final int SOCK_RAW_CLOEXEC = 3 | 0x80000;
  private static final int SOL_SOCKET = 1;
  private static final int SO_SNDBUFFORCE = 32;
  private static final int SO_RCVBUFFORCE = 33;
  private static final int SOL_NETLINK = 270;
  private static final int NETLINK_CAP_ACK = 10;
  private static final int NETLINK_EXT_ACK = 11;
  private static final int MSG_TRUNC = 0x20;
  private static final int MSG_DONTWAIT = 0x40;

  /// A datagram of a dump: the kernel fills 32 KiB, or more where one message needs it.
  private static final int DUMP_BYTES = 256 << 10;

  /// A datagram of an exchange: one answer. Memory is cleared before use, so no more than needed.
  private static final int ANSWER_BYTES = 16 << 10;

  private static final int ANSWERS_BYTES = 8 << 20;
  private static final int NLMSG_ERROR = 2;
  private static final int NLMSG_DONE = 3;
  private static final int FLAG_DUMP = 0x300;
  private static final int FLAG_DUMP_INTERRUPTED = 0x10;
  private static final int FLAG_CAPPED = 0x100;
  private static final int FLAG_ACK_ATTRIBUTES = 0x200;
  private static final int DUMP_ATTEMPTS = 20;

  private final Fd fd;
  private int outgoingLimit = 200 << 10;
  private int sequence = 1;
  private boolean closed;

  private NetlinkSocket(Fd fd) {
    this.fd = fd;
  }

  /// What the kernel said to one message.
  ///
  /// @param message the message's place in what was sent, counted from 0
  /// @param errno 0 for done, else the positive error number
  /// @param reason the kernel's own words, often empty
  public record Answer(int message, int errno, String reason) {}

  /// Called for each message of a dump with the payload after the netlink header.
  @FunctionalInterface
  public interface Listener {
    void message(int type, NetlinkReader payload);
  }

  /// Opens a socket of one protocol in the current namespace.
  public static NetlinkSocket open(int protocol) {
    Fd fd;
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment state = Native.state(scratch);
      int number =
          (int)
              SocketCalls.linked()
                  .socket()
                  .invokeExact(state, AF_NETLINK, SOCK_RAW_CLOEXEC, protocol);
      if (number < 0) {
        throw new KernelException("socket", Native.errno(state), "netlink protocol " + protocol);
      }
      fd = new Fd(number);
    } catch (KernelException e) {
      throw e;
    } catch (Throwable t) {
      throw Native.impossible(t);
    }
    NetlinkSocket socket = new NetlinkSocket(fd);
    socket.option(SOL_NETLINK, NETLINK_CAP_ACK, 1);
    socket.option(SOL_NETLINK, NETLINK_EXT_ACK, 1);
    // An answer takes nearly a kilobyte of the receive buffer, so the default holds few hundred.
    socket.option(SOL_SOCKET, SO_RCVBUFFORCE, ANSWERS_BYTES);
    return socket;
  }

  /// Opens a socket of one protocol inside a namespace.
  public static NetlinkSocket open(NetworkNamespace namespace, int protocol) {
    return namespace.visit(() -> open(protocol));
  }

  /// A writer whose messages this socket will recognise the answers to.
  public NetlinkWriter writer() {
    return writer(1024);
  }

  /// As [#writer()], with room for so many bytes to start with.
  public synchronized NetlinkWriter writer(int capacity) {
    // Leaves numbers enough for any batch, so that a late answer never fits another batch.
    sequence = sequence > 1 << 30 ? 1 : sequence + (1 << 16);
    return new NetlinkWriter(sequence, capacity);
  }

  /// Sends all messages at once and collects what the kernel answers: one answer for each message
  /// with the acknowledge flag, and one for each that failed.
  ///
  /// @throws KernelException if the send itself fails or answers were lost
  public List<Answer> exchange(NetlinkWriter messages) {
    return exchange(messages, (type, payload) -> {});
  }

  /// As [#exchange(NetlinkWriter)], and hands on what the kernel tells besides.
  public synchronized List<Answer> exchange(NetlinkWriter messages, Listener listener) {
    List<Answer> answers = new ArrayList<>();
    try (Arena arena = Arena.ofConfined()) {
      Memory memory = Memory.of(arena, ANSWER_BYTES);
      send(memory, messages);
      while (true) {
        int size = receive(memory, MSG_DONTWAIT);
        if (size < 0) {
          return answers;
        }
        byte[] bytes = memory.received.asSlice(0, size).toArray(JAVA_BYTE);
        forEachMessage(
            bytes,
            (type, flags, number, payload) -> {
              int message = number - messages.firstSequence();
              if (message < 0 || message >= messages.messages()) {
                return;
              }
              if (type == NLMSG_ERROR) {
                answers.add(answer(message, flags, payload));
              } else {
                listener.message(type, payload);
              }
            });
      }
    }
  }

  /// What one exchange works with. Not kept with the socket: taking it from the heap of the C
  /// library costs a microsecond, a shared or collected arena hundreds of them to make or close.
  private record Memory(Arena arena, MemorySegment state, MemorySegment received) {
    static Memory of(Arena arena, int received) {
      return new Memory(arena, Native.state(arena), arena.allocate(received, 8));
    }
  }

  /// Sends one dump request and hands on each message of the answer. A dump that changed under way
  /// is asked for again, so the listener may see messages of an attempt that was given up:
  /// `restart` is run before each attempt to forget them.
  public synchronized void dump(NetlinkWriter request, Runnable restart, Listener listener) {
    request.addFlags(0, FLAG_DUMP);
    try (Arena arena = Arena.ofConfined()) {
      Memory memory = Memory.of(arena, DUMP_BYTES);
      for (int attempt = 0; attempt < DUMP_ATTEMPTS; attempt++) {
        restart.run();
        send(memory, request);
        if (readDump(memory, request.firstSequence(), listener)) {
          return;
        }
      }
    }
    throw new KernelException(
        "recv", Errno.EINTR, "a netlink dump that changed " + DUMP_ATTEMPTS + " times under way");
  }

  private boolean readDump(Memory memory, int number, Listener listener) {
    boolean[] end = new boolean[2];
    while (!end[0]) {
      int size = receive(memory, 0);
      byte[] bytes = memory.received.asSlice(0, size).toArray(JAVA_BYTE);
      forEachMessage(
          bytes,
          (type, flags, sequenceNumber, payload) -> {
            if (sequenceNumber != number) {
              return;
            }
            end[1] |= (flags & FLAG_DUMP_INTERRUPTED) != 0;
            if (type == NLMSG_DONE || type == NLMSG_ERROR) {
              end[0] = true;
              int errno = -payload.u32(0);
              if (errno == Errno.EINTR) {
                end[1] = true;
              } else if (errno != 0) {
                throw new KernelException("recv", errno, "a netlink dump");
              }
            } else if (!end[1]) {
              listener.message(type, payload);
            }
          });
    }
    return !end[1];
  }

  /// Walks over the messages of one datagram.
  static void forEachMessage(byte[] bytes, MessageVisitor visitor) {
    NetlinkReader all = new NetlinkReader(bytes, 0, bytes.length);
    int at = 0;
    while (at + NetlinkWriter.HEADER <= bytes.length) {
      int length = all.u32(at);
      if (length < NetlinkWriter.HEADER || length > bytes.length - at) {
        return;
      }
      visitor.message(
          all.u16(at + 4),
          all.u16(at + 6),
          all.u32(at + 8),
          new NetlinkReader(bytes, at + NetlinkWriter.HEADER, at + length));
      at += (length + 3) & ~3;
    }
  }

  @FunctionalInterface
  interface MessageVisitor {
    void message(int type, int flags, int number, NetlinkReader payload);
  }

  /// Reads an `nlmsgerr`: the error number, the header of the message at fault and, behind it, what
  /// the kernel has to say.
  static Answer answer(int message, int flags, NetlinkReader payload) {
    int errno = -payload.u32(0);
    String[] reason = {""};
    if ((flags & FLAG_ACK_ATTRIBUTES) != 0) {
      int echoed = (flags & FLAG_CAPPED) != 0 ? NetlinkWriter.HEADER : payload.u32(4);
      if (echoed >= 0 && echoed < payload.length()) {
        payload.attributes(
            4 + ((echoed + 3) & ~3),
            (type, value) -> {
              if (type == 1) {
                reason[0] = value.text();
              }
            });
      }
    }
    return new Answer(message, errno, reason[0]);
  }

  private void send(Memory memory, NetlinkWriter messages) {
    if (closed) {
      throw new IllegalStateException("the netlink socket is closed");
    }
    int length = messages.length();
    if (length > outgoingLimit) {
      outgoingLimit = length * 2;
      option(SOL_SOCKET, SO_SNDBUFFORCE, outgoingLimit);
    }
    MemorySegment state = memory.state;
    MemorySegment outgoing = memory.arena.allocate(length, 8);
    MemorySegment.copy(messages.buffer(), 0, outgoing, JAVA_BYTE, 0, length);
    try {
      while (true) {
        long sent =
            (long)
                SocketCalls.linked()
                    .send()
                    .invokeExact(state, fd.number(), outgoing, (long) length, 0);
        if (sent >= 0) {
          return;
        }
        if (Native.errno(state) != Errno.EINTR) {
          throw new KernelException(
              "send", Native.errno(state), messages.messages() + " netlink messages");
        }
      }
    } catch (KernelException e) {
      throw e;
    } catch (Throwable t) {
      throw Native.impossible(t);
    }
  }

  /// @return the size, or -1 where nothing is there and the flags say not to wait
  private int receive(Memory memory, int flags) {
    MemorySegment state = memory.state;
    long room = memory.received.byteSize();
    try {
      while (true) {
        long size =
            (long)
                SocketCalls.linked()
                    .recv()
                    .invokeExact(state, fd.number(), memory.received, room, flags | MSG_TRUNC);
        if (size > room) {
          throw new KernelException(
              "recv", Errno.EMSGSIZE, "a netlink answer of " + size + " bytes");
        }
        if (size >= 0) {
          return (int) size;
        }
        int errno = Native.errno(state);
        if (errno == Errno.EAGAIN) {
          return -1;
        }
        if (errno != Errno.EINTR) {
          throw new KernelException("recv", errno, "the kernel's netlink answers");
        }
      }
    } catch (KernelException e) {
      throw e;
    } catch (Throwable t) {
      throw Native.impossible(t);
    }
  }

  /// An option that fails costs comfort only: shorter messages or smaller batches.
  private void option(int level, int name, int value) {
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment state = Native.state(scratch);
      int ignored =
          (int)
              SocketCalls.linked()
                  .setsockopt()
                  .invokeExact(
                      state, fd.number(), level, name, scratch.allocateFrom(JAVA_INT, value), 4);
    } catch (Throwable t) {
      throw Native.impossible(t);
    }
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      fd.close();
    }
  }
}
