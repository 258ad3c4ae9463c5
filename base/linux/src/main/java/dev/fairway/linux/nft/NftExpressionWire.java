// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux.nft;

import dev.fairway.linux.NetlinkWriter;
import dev.fairway.linux.nft.NftExpression.Bitwise;
import dev.fairway.linux.nft.NftExpression.Compare;
import dev.fairway.linux.nft.NftExpression.Connection;
import dev.fairway.linux.nft.NftExpression.CountBy;
import dev.fairway.linux.nft.NftExpression.Counter;
import dev.fairway.linux.nft.NftExpression.Decide;
import dev.fairway.linux.nft.NftExpression.DestinationNat;
import dev.fairway.linux.nft.NftExpression.DestinationType;
import dev.fairway.linux.nft.NftExpression.Forget;
import dev.fairway.linux.nft.NftExpression.Hash;
import dev.fairway.linux.nft.NftExpression.InRange;
import dev.fairway.linux.nft.NftExpression.InSet;
import dev.fairway.linux.nft.NftExpression.Load;
import dev.fairway.linux.nft.NftExpression.MapToValue;
import dev.fairway.linux.nft.NftExpression.MapToVerdict;
import dev.fairway.linux.nft.NftExpression.Masquerade;
import dev.fairway.linux.nft.NftExpression.Meta;
import dev.fairway.linux.nft.NftExpression.Payload;
import dev.fairway.linux.nft.NftExpression.RandomNumber;
import dev.fairway.linux.nft.NftExpression.RejectByReset;
import dev.fairway.linux.nft.NftExpression.RejectPortUnreachable;
import dev.fairway.linux.nft.NftExpression.Remember;
import dev.fairway.linux.nft.NftExpression.SetMark;
import dev.fairway.linux.nft.NftExpression.SourceType;

/// Expressions as nf_tables attributes: each has a name and attributes of its own kind. Pure.
final class NftExpressionWire {
  private static final int LIST_ELEMENT = 1;
  private static final int VERDICT_REGISTER = 0;

  /// `NFT_REG32_00`
  private static final int FIRST_REGISTER = 8;

  private NftExpressionWire() {}

  static void write(NetlinkWriter out, NftExpression expression) {
    out.nest(LIST_ELEMENT);
    out.attributeText(1, name(expression));
    out.nest(2);
    attributes(out, expression);
    out.unnest();
    out.unnest();
  }

  /// The kernel's name of what it is made of.
  static String name(NftExpression expression) {
    return switch (expression) {
      case Payload _ -> "payload";
      case Meta _, SetMark _ -> "meta";
      case Connection _ -> "ct";
      case DestinationType _, SourceType _ -> "fib";
      case Compare _ -> "cmp";
      case InRange _ -> "range";
      case Bitwise _ -> "bitwise";
      case InSet _, MapToValue _, MapToVerdict _ -> "lookup";
      case Decide _, Load _ -> "immediate";
      case RandomNumber _ -> "numgen";
      case Remember _, Forget _ -> "dynset";
      case Hash _ -> "hash";
      case DestinationNat _ -> "nat";
      case Masquerade _ -> "masq";
      case RejectByReset _, RejectPortUnreachable _ -> "reject";
      case Counter _ -> "counter";
      case CountBy _ -> "objref";
    };
  }

  private static void attributes(NetlinkWriter out, NftExpression expression) {
    switch (expression) {
      case Payload payload -> {
        register(out, 1, payload.register());
        out.attributeBigEndian32(2, payload.header().number());
        out.attributeBigEndian32(3, payload.offset());
        out.attributeBigEndian32(4, payload.length());
      }
      case Meta meta -> {
        register(out, 1, meta.register());
        out.attributeBigEndian32(2, meta.key().number());
      }
      case DestinationType type -> {
        register(out, 1, type.register());
        out.attributeBigEndian32(2, 3); // NFT_FIB_RESULT_ADDRTYPE
        out.attributeBigEndian32(3, 1 << 1); // NFTA_FIB_F_DADDR
      }
      case SourceType type -> {
        register(out, 1, type.register());
        out.attributeBigEndian32(2, 3); // NFT_FIB_RESULT_ADDRTYPE
        out.attributeBigEndian32(3, 1); // NFTA_FIB_F_SADDR
      }
      case SetMark mark -> {
        out.attributeBigEndian32(2, NftExpression.MetaKey.MARK.number());
        register(out, 3, mark.register());
      }
      case Connection connection -> {
        register(out, 1, connection.register());
        out.attributeBigEndian32(2, connection.key().number());
      }
      case Compare compare -> {
        register(out, 1, compare.register());
        out.attributeBigEndian32(2, compare.equal() ? 0 : 1);
        NftWire.value(out, 3, compare.value());
      }
      case InRange range -> {
        register(out, 1, range.register());
        out.attributeBigEndian32(2, 0); // NFT_RANGE_EQ
        NftWire.value(out, 3, range.first());
        NftWire.value(out, 4, range.last());
      }
      case Bitwise bitwise -> {
        register(out, 1, bitwise.register());
        register(out, 2, bitwise.register());
        out.attributeBigEndian32(3, bitwise.mask().length());
        NftWire.value(out, 4, bitwise.mask());
        NftWire.value(out, 5, bitwise.xor());
      }
      case InSet lookup -> {
        out.attributeText(1, lookup.set());
        register(out, 2, lookup.register());
        if (lookup.inverted()) {
          out.attributeBigEndian32(5, 1);
        }
      }
      case MapToValue lookup -> {
        out.attributeText(1, lookup.map());
        register(out, 2, lookup.register());
        register(out, 3, lookup.target());
      }
      case MapToVerdict lookup -> {
        out.attributeText(1, lookup.map());
        register(out, 2, lookup.register());
        out.attributeBigEndian32(3, VERDICT_REGISTER);
      }
      case Decide decide -> {
        out.attributeBigEndian32(1, VERDICT_REGISTER);
        NftWire.verdict(out, 2, decide.verdict());
      }
      case Load load -> {
        register(out, 1, load.register());
        NftWire.value(out, 2, load.value());
      }
      case RandomNumber number -> {
        register(out, 1, number.register());
        out.attributeBigEndian32(2, number.modulus());
        out.attributeBigEndian32(3, 1);
        out.attributeBigEndian32(4, number.offset());
      }
      case Forget forget -> {
        out.attributeText(1, forget.map());
        out.attributeBigEndian32(3, 2); // NFT_DYNSET_OP_DELETE
        register(out, 4, forget.key());
        register(out, 5, forget.data());
      }
      case Remember remember -> {
        out.attributeText(1, remember.map());
        out.attributeBigEndian32(3, 1); // NFT_DYNSET_OP_UPDATE
        register(out, 4, remember.key());
        register(out, 5, remember.data());
        out.attributeBigEndian64(6, remember.time().toMillis());
      }
      case Hash hash -> {
        register(out, 1, hash.register());
        register(out, 2, hash.target());
        out.attributeBigEndian32(3, hash.length());
        out.attributeBigEndian32(4, hash.modulus());
        out.attributeBigEndian32(5, hash.seed());
        out.attributeBigEndian32(6, hash.offset());
        out.attributeBigEndian32(7, 0);
      }
      case DestinationNat nat -> {
        out.attributeBigEndian32(1, 1);
        out.attributeBigEndian32(2, nat.family().addressFamily());
        register(out, 3, nat.address());
        register(out, 5, nat.address() + nat.family().addressBytes() / 4);
      }
      case Masquerade _ -> out.attributeBigEndian32(1, 1 << 4);
      case RejectByReset _ -> {
        out.attributeBigEndian32(1, 1);
        out.attributeU8(2, 0);
      }
      case RejectPortUnreachable reject -> {
        out.attributeBigEndian32(1, 0);
        // ICMP_PORT_UNREACH, ICMPV6_PORT_UNREACH
        out.attributeU8(
            2,
            switch (reject.family()) {
              case IPV4 -> 3;
              case IPV6 -> 4;
            });
      }
      case CountBy(String counter) -> {
        out.attributeBigEndian32(1, NftWire.OBJECT_COUNTER);
        out.attributeText(2, counter);
      }
      case Counter _ -> {
        out.attributeBigEndian64(1, 0);
        out.attributeBigEndian64(2, 0);
      }
    }
  }

  private static void register(NetlinkWriter out, int attribute, int register) {
    if (register < 0 || register > 15) {
      throw new IllegalArgumentException("register " + register + " is not from 0 to 15");
    }
    out.attributeBigEndian32(attribute, FIRST_REGISTER + register);
  }
}
