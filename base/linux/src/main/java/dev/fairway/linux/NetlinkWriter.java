// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/// Builds netlink messages one after the other in one growing buffer (`linux/netlink.h`): a header
/// of 16 bytes, the protocol's own header, then attributes, everything padded to 4 bytes.
///
/// Numbers are in the machine's order unless a method says `BigEndian`. Messages are numbered from
/// the first sequence number on.
public final class NetlinkWriter {
  static final int HEADER = 16;
  static final int FLAG_REQUEST = 1;
  private static final int NESTED = 0x8000;
  private static final int MAX_ATTRIBUTE = 65535;
  private static final int MAX_BYTES = 64 << 20;
  private static final int MAX_DEPTH = 16;
  private static final boolean NATIVE_IS_BIG = ByteOrder.nativeOrder() == ByteOrder.BIG_ENDIAN;
  private static final VarHandle SHORT =
      MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.nativeOrder());
  private static final VarHandle INT =
      MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.nativeOrder());

  private final int firstSequence;
  private final int[] nests = new int[MAX_DEPTH];
  private byte[] buffer;
  private int length;
  private int depth;
  private int messages;
  private int messageStart;

  public NetlinkWriter(int firstSequence) {
    this(firstSequence, 1024);
  }

  public NetlinkWriter(int firstSequence, int capacity) {
    this.firstSequence = firstSequence;
    this.buffer = new byte[capacity];
  }

  /// Starts a message; [#end] ends it. `NLM_F_REQUEST` is added to the flags.
  ///
  /// @return its place among the messages, counted from 0
  public int begin(int type, int flags) {
    messageStart = length;
    u32(0);
    u16(type);
    u16(flags | FLAG_REQUEST);
    u32(firstSequence + messages);
    u32(0);
    return messages++;
  }

  public void end() {
    if (depth != 0) {
      throw new IllegalStateException("a nest is still open");
    }
    INT.set(buffer, messageStart, length - messageStart);
    pad();
  }

  public void u8(int value) {
    room(1);
    buffer[length++] = (byte) value;
  }

  public void u16(int value) {
    room(2);
    put16(length, value);
    length += 2;
  }

  public void u32(int value) {
    room(4);
    put16(length, NATIVE_IS_BIG ? value >>> 16 : value);
    put16(length + 2, NATIVE_IS_BIG ? value : value >>> 16);
    length += 4;
  }

  public void bigEndian16(int value) {
    u8(value >>> 8);
    u8(value);
  }

  public void bigEndian32(int value) {
    bigEndian16(value >>> 16);
    bigEndian16(value);
  }

  public void bytes(byte[] value) {
    room(value.length);
    System.arraycopy(value, 0, buffer, length, value.length);
    length += value.length;
  }

  public void attributeU8(int type, int value) {
    header(type, 1);
    u8(value);
    pad();
  }

  public void attributeU16(int type, int value) {
    header(type, 2);
    u16(value);
    pad();
  }

  public void attributeBigEndian16(int type, int value) {
    header(type, 2);
    bigEndian16(value);
    pad();
  }

  public void attributeU32(int type, int value) {
    header(type, 4);
    u32(value);
  }

  public void attributeBigEndian32(int type, int value) {
    header(type, 4);
    bigEndian32(value);
  }

  public void attributeBigEndian64(int type, long value) {
    header(type, 8);
    bigEndian32((int) (value >>> 32));
    bigEndian32((int) value);
  }

  public void attribute(int type, byte[] value) {
    header(type, value.length);
    bytes(value);
    pad();
  }

  /// Text with the zero byte that the kernel wants at its end.
  public void attributeText(int type, String value) {
    byte[] text = value.getBytes(StandardCharsets.UTF_8);
    header(type, text.length + 1);
    bytes(text);
    u8(0);
    pad();
  }

  /// Opens an attribute that holds attributes, until [#unnest].
  public void nest(int type) {
    nests[depth++] = length;
    header(type | NESTED, 0);
  }

  public void unnest() {
    int start = nests[--depth];
    int size = length - start;
    if (size > MAX_ATTRIBUTE) {
      throw new IllegalStateException("a nest of " + size + " bytes; a netlink nest holds 65535");
    }
    put16(start, size);
  }

  /// Adds flags to a message that has ended or is being built.
  public void addFlags(int message, int flags) {
    int at = 0;
    for (int i = 0; i < message; i++) {
      at += ((int) INT.get(buffer, at) + 3) & ~3;
    }
    SHORT.set(buffer, at + 6, (short) ((short) SHORT.get(buffer, at + 6) | flags));
  }

  /// How many bytes there are so far.
  public int length() {
    return length;
  }

  /// How many messages there are so far.
  public int messages() {
    return messages;
  }

  int firstSequence() {
    return firstSequence;
  }

  byte[] buffer() {
    return buffer;
  }

  /// A copy of everything written.
  public byte[] toBytes() {
    return Arrays.copyOf(buffer, length);
  }

  /// Byte by byte: a view costs a microsecond in a program that has just started, and a batch has
  /// half a million numbers.
  private void put16(int at, int value) {
    buffer[at] = (byte) (NATIVE_IS_BIG ? value >>> 8 : value);
    buffer[at + 1] = (byte) (NATIVE_IS_BIG ? value : value >>> 8);
  }

  private void header(int type, int payload) {
    u16(payload + 4);
    u16(type);
  }

  private void pad() {
    while ((length & 3) != 0) {
      u8(0);
    }
  }

  private void room(int more) {
    if (length + more > buffer.length) {
      if (length + more > MAX_BYTES) {
        throw new IllegalStateException("a netlink batch of more than " + MAX_BYTES + " bytes");
      }
      buffer = Arrays.copyOf(buffer, Math.max(buffer.length * 2, length + more));
    }
  }
}
