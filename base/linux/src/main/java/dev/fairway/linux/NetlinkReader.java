// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/// A window on received netlink bytes: a message's payload, or the attributes in it.
///
/// Never reads outside the window; what is cut short or has a wrong length reads as zero or as the
/// end. So a strange message gives strange values, not an exception.
public final class NetlinkReader {
  private static final VarHandle SHORT =
      MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.nativeOrder());
  private static final VarHandle INT =
      MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.nativeOrder());

  private final byte[] bytes;
  private final int from;
  private final int to;

  public NetlinkReader(byte[] bytes, int from, int to) {
    this.bytes = bytes;
    this.from = Math.min(from, bytes.length);
    this.to = Math.clamp(to, this.from, bytes.length);
  }

  /// Called for each attribute.
  @FunctionalInterface
  public interface Visitor {
    void attribute(int type, NetlinkReader value);
  }

  public int length() {
    return to - from;
  }

  public int u8(int offset) {
    return fits(offset, 1) ? bytes[from + offset] & 0xff : 0;
  }

  public int u16(int offset) {
    return fits(offset, 2) ? (short) SHORT.get(bytes, from + offset) & 0xffff : 0;
  }

  public int u32(int offset) {
    return fits(offset, 4) ? (int) INT.get(bytes, from + offset) : 0;
  }

  public int bigEndian16(int offset) {
    return u8(offset) << 8 | u8(offset + 1);
  }

  public int bigEndian32(int offset) {
    return bigEndian16(offset) << 16 | bigEndian16(offset + 2);
  }

  public long bigEndian64(int offset) {
    return (long) bigEndian32(offset) << 32 | (bigEndian32(offset + 4) & 0xffff_ffffL);
  }

  public byte[] bytes() {
    return Arrays.copyOfRange(bytes, from, to);
  }

  /// The text up to its first zero byte.
  public String text() {
    int end = from;
    while (end < to && bytes[end] != 0) {
      end++;
    }
    return new String(bytes, from, end - from, StandardCharsets.UTF_8);
  }

  /// Calls the visitor for each attribute from an offset on; stops at the first that does not fit.
  public void attributes(int offset, Visitor visitor) {
    int at = from + offset;
    while (at >= from && at + 4 <= to) {
      int length = (short) SHORT.get(bytes, at) & 0xffff;
      if (length < 4 || at + length > to) {
        return;
      }
      int type = (short) SHORT.get(bytes, at + 2) & 0x3fff;
      visitor.attribute(type, new NetlinkReader(bytes, at + 4, at + length));
      at += (length + 3) & ~3;
    }
  }

  private boolean fits(int offset, int size) {
    return offset >= 0 && from + offset + size <= to;
  }
}
