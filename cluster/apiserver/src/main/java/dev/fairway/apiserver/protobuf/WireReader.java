// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.protobuf;

import dev.fairway.apimachinery.StatusException;
import java.nio.charset.StandardCharsets;

/// Reads the protobuf encoding (protobuf.dev, "Encoding"): tags, varints, lengths. Every read is
/// checked against the end.
final class WireReader {
  private final byte[] bytes;
  private final int end;
  private int at;

  WireReader(byte[] bytes, int from, int end) {
    this.bytes = bytes;
    this.at = from;
    this.end = end;
  }

  boolean atEnd() {
    return at >= end;
  }

  long varint() {
    long value = 0;
    for (int shift = 0; shift < 70; shift += 7) {
      if (at >= end) {
        throw broken("ends within a number");
      }
      byte next = bytes[at++];
      if (shift < 64) {
        value |= (long) (next & 0x7f) << shift;
      }
      if (next >= 0) {
        return value;
      }
    }
    throw broken("has a number of more than ten bytes");
  }

  WireReader message() {
    int length = length();
    WireReader inner = new WireReader(bytes, at, at + length);
    at += length;
    return inner;
  }

  byte[] raw() {
    int length = length();
    byte[] copy = new byte[length];
    System.arraycopy(bytes, at, copy, 0, length);
    at += length;
    return copy;
  }

  String text() {
    int length = length();
    String text = new String(bytes, at, length, StandardCharsets.UTF_8);
    at += length;
    return text;
  }

  long fixed(int size) {
    if (end - at < size) {
      throw broken("ends within a number");
    }
    long value = 0;
    for (int i = size - 1; i >= 0; i--) {
      value = (value << 8) | (bytes[at + i] & 0xff);
    }
    at += size;
    return value;
  }

  void skip(int wireType) {
    switch (wireType) {
      case 0 -> varint();
      case 1 -> fixed(8);
      case 2 -> at += length();
      case 5 -> fixed(4);
      default -> throw broken("has wire type " + wireType);
    }
  }

  private int length() {
    long length = varint();
    if (length < 0 || length > end - at) {
      throw broken("names a length beyond its end");
    }
    return (int) length;
  }

  static StatusException broken(String what) {
    return StatusException.badRequest("the body is not valid protobuf: it " + what);
  }
}
