// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux.nft;

import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.MacAddress;
import dev.fairway.net.Protocol;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;

/// Bytes as they stand in nf_tables registers: a key, the data of a map, an operand.
///
/// In a concatenation each part takes whole 32-bit words, padded with zeros behind it, so a value
/// is built part by part: `NftValue.builder().address(ip).protocol(TCP).port(80).build()`.
public final class NftValue {
  private final byte[] bytes;

  private NftValue(byte[] bytes) {
    this.bytes = bytes;
  }

  public static Builder builder() {
    return new Builder();
  }

  /// An address alone.
  public static NftValue of(IpAddress address) {
    return new NftValue(address.bytes());
  }

  /// A number in the machine's own order, as marks and connection states are.
  public static NftValue number(int value) {
    return new NftValue(
        ByteBuffer.allocate(4).order(ByteOrder.nativeOrder()).putInt(value).array());
  }

  /// Single bytes, without padding.
  public static NftValue octets(byte... octets) {
    return new NftValue(octets.clone());
  }

  /// A copy of its bytes.
  public byte[] octets() {
    return bytes.clone();
  }

  int length() {
    return bytes.length;
  }

  /// The bytes themselves, for the writer only: not a copy.
  byte[] bytes() {
    return bytes;
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof NftValue that && Arrays.equals(bytes, that.bytes);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(bytes);
  }

  @Override
  public String toString() {
    return "0x" + HexFormat.of().formatHex(bytes);
  }

  /// Builds a concatenation.
  public static final class Builder {
    private static final int MAX_BYTES = 64;

    /// Enough for a key of IPv4 addresses.
    private static final int FEW_BYTES = 20;

    private byte[] parts = new byte[FEW_BYTES];
    private int length;

    private Builder() {}

    public Builder address(IpAddress address) {
      if (address.family() == IpFamily.IPV6) {
        word((int) (address.high() >>> 32));
        word((int) address.high());
        word((int) (address.low() >>> 32));
      }
      word((int) address.low());
      return this;
    }

    public Builder mac(MacAddress mac) {
      byte[] bytes = mac.bytes();
      room(8);
      System.arraycopy(bytes, 0, parts, length, bytes.length);
      length += 8;
      return this;
    }

    public Builder protocol(Protocol protocol) {
      word(protocol.number() << 24);
      return this;
    }

    public Builder port(int port) {
      word(port << 16);
      return this;
    }

    /// Most significant byte first.
    private void word(int value) {
      room(4);
      parts[length] = (byte) (value >>> 24);
      parts[length + 1] = (byte) (value >>> 16);
      parts[length + 2] = (byte) (value >>> 8);
      parts[length + 3] = (byte) value;
      length += 4;
    }

    private void room(int more) {
      if (length + more > parts.length) {
        parts = Arrays.copyOf(parts, MAX_BYTES);
      }
    }

    /// A number in the machine's own order.
    public Builder number(int value) {
      word(ByteOrder.nativeOrder() == ByteOrder.BIG_ENDIAN ? value : Integer.reverseBytes(value));
      return this;
    }

    public NftValue build() {
      return new NftValue(Arrays.copyOf(parts, length));
    }
  }
}
