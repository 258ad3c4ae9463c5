// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux.nft;

import dev.fairway.linux.NetlinkReader;
import dev.fairway.linux.NetlinkWriter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// What a rule is made of, to compare one that was loaded with what the kernel tells of it.
///
/// The kernel leaves out what is zero, or tells what was not given and is. It has two numbers for a
/// register that begins 16 bytes, and may tell the other. What a counter has counted does not
/// matter.
record NftRuleForm(List<Part> parts) {
  static final NftRuleForm EMPTY = new NftRuleForm(List.of());

  private static final int MESSAGE_HEADER = 16;
  private static final String COUNTER = "counter";
  private static final String NAT = "nat";

  /// One expression.
  ///
  /// @param attributes by number, as bytes
  record Part(String name, Map<Integer, byte[]> attributes) {
    boolean isSameAs(Part other) {
      if (!name.equals(other.name)) {
        return false;
      }
      return name.equals(COUNTER) || (covers(other) && other.covers(this));
    }

    private boolean covers(Part other) {
      for (Map.Entry<Integer, byte[]> one : attributes.entrySet()) {
        byte[] others = other.attributes.get(one.getKey());
        boolean same =
            others == null ? isZero(one.getValue()) : Arrays.equals(one.getValue(), others);
        if (!same && !isImplied(one.getKey(), one.getValue())) {
          return false;
        }
      }
      return true;
    }

    /// `NFTA_NAT_REG_ADDR_MAX` and `NFTA_NAT_REG_PROTO_MAX` are told even where the range is of
    /// one, and `NFTA_NAT_FLAGS` that there are addresses and ports.
    private boolean isImplied(int attribute, byte[] value) {
      if (!name.equals(NAT)) {
        return false;
      }
      return switch (attribute) {
        case 4, 6 -> Arrays.equals(value, attributes.get(attribute - 1));
        case 7 ->
            value.length == 4 && value[0] == 0 && value[1] == 0 && value[2] == 0 && value[3] <= 3;
        default -> false;
      };
    }

    private static boolean isZero(byte[] bytes) {
      for (byte one : bytes) {
        if (one != 0) {
          return false;
        }
      }
      return true;
    }
  }

  static NftRuleForm of(List<NftExpression> expressions) {
    NetlinkWriter out = new NetlinkWriter(0);
    out.begin(0, 0);
    for (NftExpression expression : expressions) {
      NftExpressionWire.write(out, expression);
    }
    out.end();
    byte[] bytes = out.toBytes();
    return read(new NetlinkReader(bytes, MESSAGE_HEADER, bytes.length), 0);
  }

  /// From the attribute `NFTA_RULE_EXPRESSIONS`.
  static NftRuleForm read(NetlinkReader list, int offset) {
    List<Part> parts = new ArrayList<>();
    list.attributes(
        offset,
        (number, expression) -> {
          String[] name = {""}; // comes first
          Map<Integer, byte[]> attributes = new TreeMap<>();
          expression.attributes(
              0,
              (inner, value) -> {
                if (inner == 1) {
                  name[0] = value.text();
                } else if (inner == 2) {
                  value.attributes(
                      0,
                      (attribute, data) ->
                          attributes.put(attribute, canonical(name[0], attribute, data)));
                }
              });
          parts.add(new Part(name[0], attributes));
        });
    return new NftRuleForm(parts);
  }

  private static byte[] canonical(String expression, int attribute, NetlinkReader data) {
    if (isRegister(expression, attribute)) {
      return register(data);
    }
    return expression.equals("immediate") ? verdict(data) : data.bytes();
  }

  /// A verdict is nested once more, which the kernel marks otherwise than we do.
  private static byte[] verdict(NetlinkReader data) {
    byte[][] found = {data.bytes()};
    data.attributes(
        0,
        (inner, value) -> {
          if (inner == 2) { // NFTA_DATA_VERDICT
            found[0] = value.bytes();
          }
        });
    return found[0];
  }

  private static boolean isRegister(String expression, int attribute) {
    return switch (expression) {
      case "payload", "ct", "fib", "cmp", "range", "immediate", "numgen" -> attribute == 1;
      case "meta" -> attribute == 1 || attribute == 3;
      case "bitwise", "hash" -> attribute == 1 || attribute == 2;
      case "lookup" -> attribute == 2 || attribute == 3;
      case "dynset" -> attribute == 4 || attribute == 5;
      case NAT -> attribute >= 3 && attribute <= 6;
      default -> false;
    };
  }

  /// `NFT_REG_1` is `NFT_REG32_00`, and so on.
  private static byte[] register(NetlinkReader data) {
    int number = data.bigEndian32(0);
    return new byte[] {(byte) (number >= 1 && number <= 4 ? 4 + 4 * number : number)};
  }

  boolean isSameAs(NftRuleForm other) {
    if (parts.size() != other.parts.size()) {
      return false;
    }
    for (int i = 0; i < parts.size(); i++) {
      if (!parts.get(i).isSameAs(other.parts.get(i))) {
        return false;
      }
    }
    return true;
  }
}
