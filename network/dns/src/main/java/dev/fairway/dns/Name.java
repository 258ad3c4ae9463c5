// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/// A domain name: labels of 1 to 63 octets, at most 255 octets on the wire (RFC 1035 section
/// 2.3.4).
///
/// Kept as its uncompressed wire form. Equality ignores ASCII case (RFC 4343), the octets keep it.
/// A length octet is at most 63 and so below 'A': folding may run over the whole array.
final class Name {
  static final int MAX_WIRE_BYTES = 255;
  static final int MAX_LABEL_BYTES = 63;
  static final Name ROOT = new Name(new byte[] {0});

  private final byte[] wire;
  private final int hash;

  private Name(byte[] wire) {
    this.wire = wire;
    int h = 1;
    for (byte octet : wire) {
      h = 31 * h + fold(octet);
    }
    this.hash = h;
  }

  /// A name from its complete, valid wire form, which is not copied.
  static Name ofWire(byte[] wire) {
    return new Name(wire);
  }

  /// Reads `a.b.c`, with or without a dot at the end. There are no escapes: a label is what stands
  /// between two dots.
  ///
  /// @throws IllegalArgumentException if it is not a name; the message quotes it
  static Name parse(String text) {
    Name name = ROOT;
    int end = text.endsWith(".") ? text.length() - 1 : text.length();
    while (end > 0) {
      int dot = text.lastIndexOf('.', end - 1);
      name = name.child(text.substring(dot + 1, end));
      end = dot;
    }
    if (end == 0) {
      throw new IllegalArgumentException("\"" + text + "\" is not a DNS name: a label is empty");
    }
    return name;
  }

  /// As [#parse], and `.` is the root.
  static Name parseOrRoot(String text) {
    return text.equals(".") ? ROOT : parse(text);
  }

  /// The labels in front of `from`, which this name is within, in front of `to` instead; null if
  /// that gets too long.
  @Nullable Name moved(Name from, Name to) {
    int kept = wire.length - from.wire.length;
    if (kept + to.wire.length > MAX_WIRE_BYTES) {
      return null;
    }
    byte[] moved = Arrays.copyOf(wire, kept + to.wire.length);
    System.arraycopy(to.wire, 0, moved, kept, to.wire.length);
    return new Name(moved);
  }

  /// Whether it is the same name in the same letter case.
  boolean isSpelledAs(Name other) {
    return Arrays.equals(wire, other.wire);
  }

  /// The name with each letter in a case that `coin` picks.
  Name spelledByChance(Random coin) {
    byte[] mixed = wire.clone();
    for (int at = 0; mixed[at] != 0; at += 1 + mixed[at]) {
      for (int i = at + 1; i <= at + mixed[at]; i++) {
        int lower = fold(mixed[i]);
        if (lower >= 'a' && lower <= 'z') {
          mixed[i] = (byte) (coin.nextBoolean() ? lower : lower - 32);
        }
      }
    }
    return new Name(mixed);
  }

  /// The name with one more label in front.
  ///
  /// @throws IllegalArgumentException if the label or the name gets too long, or the label is empty
  Name child(String label) {
    byte[] octets = label.getBytes(StandardCharsets.UTF_8);
    if (octets.length == 0 || octets.length > MAX_LABEL_BYTES) {
      throw new IllegalArgumentException(
          "\"" + label + "\" is not a DNS label: it has not 1 to 63 octets");
    }
    if (wire.length + 1 + octets.length > MAX_WIRE_BYTES) {
      throw new IllegalArgumentException("DNS name " + label + "." + this + " is too long");
    }
    byte[] longer = new byte[wire.length + 1 + octets.length];
    longer[0] = (byte) octets.length;
    System.arraycopy(octets, 0, longer, 1, octets.length);
    System.arraycopy(wire, 0, longer, 1 + octets.length, wire.length);
    return new Name(longer);
  }

  /// The name without its first label, null for the root.
  @Nullable Name parent() {
    return wire.length == 1 ? null : new Name(Arrays.copyOfRange(wire, 1 + wire[0], wire.length));
  }

  boolean isRoot() {
    return wire.length == 1;
  }

  int labelCount() {
    int count = 0;
    for (int at = 0; wire[at] != 0; at += 1 + wire[at]) {
      count++;
    }
    return count;
  }

  /// The `index`-th label from the left in lower case.
  String label(int index) {
    int at = 0;
    for (int i = 0; i < index; i++) {
      at += 1 + wire[at];
    }
    byte[] label = new byte[wire[at]];
    for (int i = 0; i < label.length; i++) {
      label[i] = (byte) fold(wire[at + 1 + i]);
    }
    return new String(label, StandardCharsets.ISO_8859_1);
  }

  /// Whether it is `ancestor` or below it.
  boolean isWithin(Name ancestor) {
    int start = wire.length - ancestor.wire.length;
    int at = 0;
    while (at < start) {
      at += 1 + wire[at];
    }
    return at == start && matches(start, ancestor);
  }

  private boolean matches(int start, Name other) {
    for (int i = 0; i < other.wire.length; i++) {
      if (fold(wire[start + i]) != fold(other.wire[i])) {
        return false;
      }
    }
    return true;
  }

  /// The wire form; not to be changed.
  byte[] wire() {
    return wire;
  }

  private static int fold(byte octet) {
    return octet >= 'A' && octet <= 'Z' ? octet + 32 : octet;
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof Name name
        && name.hash == hash
        && name.wire.length == wire.length
        && matches(0, name);
  }

  @Override
  public int hashCode() {
    return hash;
  }

  /// Presentation form with a dot at the end; odd octets as `\DDD` (RFC 4343 section 2.1).
  @Override
  public String toString() {
    if (isRoot()) {
      return ".";
    }
    StringBuilder text = new StringBuilder(wire.length + 8);
    for (int at = 0; wire[at] != 0; at += 1 + wire[at]) {
      for (int i = 1; i <= wire[at]; i++) {
        int octet = wire[at + i] & 255;
        if (octet == '.' || octet == '\\') {
          text.append('\\').append((char) octet);
        } else if (octet > ' ' && octet < 127) {
          text.append((char) octet);
        } else {
          text.append('\\').append((char) ('0' + octet / 100));
          text.append((char) ('0' + octet / 10 % 10)).append((char) ('0' + octet % 10));
        }
      }
      text.append('.');
    }
    return text.toString();
  }
}
