// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux.nft;

import dev.fairway.linux.NetlinkWriter;
import dev.fairway.linux.nft.NftRequest.AddChain;
import dev.fairway.linux.nft.NftRequest.AddCounter;
import dev.fairway.linux.nft.NftRequest.AddElements;
import dev.fairway.linux.nft.NftRequest.AddRule;
import dev.fairway.linux.nft.NftRequest.AddSet;
import dev.fairway.linux.nft.NftRequest.AddTable;
import dev.fairway.linux.nft.NftRequest.DeleteChain;
import dev.fairway.linux.nft.NftRequest.DeleteCounter;
import dev.fairway.linux.nft.NftRequest.DeleteElements;
import dev.fairway.linux.nft.NftRequest.DeleteSet;
import dev.fairway.linux.nft.NftRequest.DeleteTable;
import dev.fairway.linux.nft.NftRequest.Recall;
import java.util.List;

/// Requests as nf_tables messages (`linux/netfilter/nf_tables.h`). All numbers of this protocol are
/// big endian. Pure.
final class NftWire {
  static final int SUBSYSTEM = 10 << 8;
  static final int NEWTABLE = SUBSYSTEM;
  static final int GETTABLE = SUBSYSTEM | 1;
  private static final int DELTABLE = SUBSYSTEM | 2;
  static final int NEWCHAIN = SUBSYSTEM | 3;
  static final int GETCHAIN = SUBSYSTEM | 4;
  private static final int DELCHAIN = SUBSYSTEM | 5;
  static final int NEWRULE = SUBSYSTEM | 6;
  static final int GETRULE = SUBSYSTEM | 7;
  private static final int NEWSET = SUBSYSTEM | 9;
  private static final int DELSET = SUBSYSTEM | 11;
  static final int NEWSETELEM = SUBSYSTEM | 12;
  static final int GETSETELEM = SUBSYSTEM | 13;
  private static final int DELSETELEM = SUBSYSTEM | 14;
  static final int NEWOBJ = SUBSYSTEM | 18;
  static final int GETOBJ = SUBSYSTEM | 19;
  private static final int DELOBJ = SUBSYSTEM | 20;
  static final int NEWGEN = SUBSYSTEM | 15;
  static final int GETGEN = SUBSYSTEM | 16;

  /// `NFT_OBJECT_COUNTER`
  static final int OBJECT_COUNTER = 1;

  private static final int CREATE = 0x400;
  private static final int APPEND = 0x800;
  private static final int LIST_ELEMENT = 1;
  private static final int SET_OF_RANGES = 4;
  private static final int SET_IS_MAP = 8;

  /// `NFT_SET_TIMEOUT`, `NFT_SET_EVAL`
  private static final int SET_FORGETS = 0x10;

  private static final int SET_LEARNS = 0x20;
  private static final int TYPE_VERDICT = 0xffff_ff00;

  /// One attribute holds 64 KiB, so elements go in several messages. An element takes less than a
  /// hundred bytes besides its key and data.
  private static final int ELEMENTS_BYTES = 60_000;

  private NftWire() {}

  /// Writes one request as one or more messages.
  ///
  /// @param setId a number for a set, unique in the transaction
  static void write(NetlinkWriter out, NftRequest request, int setId) {
    switch (request) {
      case AddTable(NftTable table) -> {
        begin(out, NEWTABLE, CREATE, table);
        out.attributeText(1, table.name());
        out.end();
      }
      case DeleteTable(NftTable table) -> {
        begin(out, DELTABLE, 0, table);
        out.attributeText(1, table.name());
        out.end();
      }
      case AddChain(NftChain chain) -> addChain(out, chain);
      case DeleteChain(NftTable table, String name) -> {
        begin(out, DELCHAIN, 0, table);
        out.attributeText(1, table.name());
        out.attributeText(3, name);
        out.end();
      }
      case AddRule(NftTable table, String chain, List<NftExpression> expressions) -> {
        begin(out, NEWRULE, CREATE | APPEND, table);
        out.attributeText(1, table.name());
        out.attributeText(2, chain);
        out.nest(4);
        for (NftExpression expression : expressions) {
          NftExpressionWire.write(out, expression);
        }
        out.unnest();
        out.end();
      }
      case AddCounter(NftTable table, String name) -> {
        begin(out, NEWOBJ, CREATE, table);
        out.attributeText(1, table.name());
        out.attributeText(2, name);
        out.attributeBigEndian32(3, OBJECT_COUNTER);
        out.nest(4);
        out.unnest();
        out.end();
      }
      case DeleteCounter(NftTable table, String name) -> {
        begin(out, DELOBJ, 0, table);
        out.attributeText(1, table.name());
        out.attributeText(2, name);
        out.attributeBigEndian32(3, OBJECT_COUNTER);
        out.end();
      }
      case AddSet(NftSet set) -> addSet(out, set, setId);
      case DeleteSet(NftTable table, String name) -> {
        begin(out, DELSET, 0, table);
        out.attributeText(1, table.name());
        out.attributeText(2, name);
        out.end();
      }
      case AddElements(NftSet set, List<NftSet.Element> elements) ->
          elements(out, NEWSETELEM, CREATE, set, elements);
      case DeleteElements(NftSet set, List<NftSet.Element> elements) ->
          elements(out, DELSETELEM, 0, set, elements);
      case Recall(NftSet map, List<NftRequest.Remembered> elements) -> recall(out, map, elements);
    }
  }

  static void begin(NetlinkWriter out, int type, int flags, NftTable table) {
    out.begin(type, flags);
    header(out, table.family().number(), 0);
  }

  /// `struct nfgenmsg`
  static void header(NetlinkWriter out, int family, int resource) {
    out.u8(family);
    out.u8(0);
    out.bigEndian16(resource);
  }

  private static void addChain(NetlinkWriter out, NftChain chain) {
    begin(out, NEWCHAIN, CREATE, chain.table());
    out.attributeText(1, chain.table().name());
    out.attributeText(3, chain.name());
    NftChain.Attachment attachment = chain.attachment();
    if (attachment != null) {
      out.nest(4);
      out.attributeBigEndian32(1, attachment.hook().number());
      out.attributeBigEndian32(2, attachment.priority());
      out.unnest();
      out.attributeBigEndian32(5, attachment.accept() ? 1 : 0);
      out.attributeText(7, attachment.type().word());
    }
    out.end();
  }

  private static void addSet(NetlinkWriter out, NftSet set, int setId) {
    begin(out, NEWSET, CREATE, set.table());
    out.attributeText(1, set.table().name());
    out.attributeText(2, set.name());
    out.attributeBigEndian32(
        3,
        (set.content() == NftSet.Content.NOTHING ? 0 : SET_IS_MAP)
            | (set.ranges() ? SET_OF_RANGES : 0)
            | (set.remembered() == 0 ? 0 : SET_FORGETS | SET_LEARNS));
    out.attributeBigEndian32(4, type(set.key()));
    out.attributeBigEndian32(5, bytes(set.key()));
    switch (set.content()) {
      case NOTHING -> {}
      case VERDICT -> out.attributeBigEndian32(6, TYPE_VERDICT);
      case VALUE -> {
        out.attributeBigEndian32(6, type(set.data()));
        out.attributeBigEndian32(7, bytes(set.data()));
      }
    }
    if (set.remembered() != 0) {
      out.nest(9);
      out.attributeBigEndian32(1, set.remembered());
      out.unnest();
    }
    out.attributeBigEndian32(10, setId);
    out.end();
  }

  private static int type(List<NftType> parts) {
    int type = 0;
    for (NftType part : parts) {
      type = type << 6 | part.number();
    }
    return type;
  }

  static int bytes(List<NftType> parts) {
    int bytes = 0;
    for (NftType part : parts) {
      bytes += part.bytes();
    }
    return bytes;
  }

  private static void elements(
      NetlinkWriter out, int type, int flags, NftSet set, List<NftSet.Element> elements) {
    int at = 0;
    while (at < elements.size()) {
      begin(out, type, flags, set.table());
      out.attributeText(1, set.table().name());
      out.attributeText(2, set.name());
      out.nest(3);
      int start = out.length();
      while (at < elements.size() && out.length() - start < ELEMENTS_BYTES) {
        element(out, elements.get(at++));
      }
      out.unnest();
      out.end();
    }
  }

  private static void recall(NetlinkWriter out, NftSet map, List<NftRequest.Remembered> elements) {
    int at = 0;
    while (at < elements.size()) {
      begin(out, NEWSETELEM, CREATE, map.table());
      out.attributeText(1, map.table().name());
      out.attributeText(2, map.name());
      out.nest(3);
      int start = out.length();
      while (at < elements.size() && out.length() - start < ELEMENTS_BYTES) {
        NftRequest.Remembered element = elements.get(at++);
        out.nest(LIST_ELEMENT);
        value(out, 1, element.key());
        value(out, 2, element.data());
        out.attributeBigEndian64(4, element.time().toMillis());
        out.attributeBigEndian64(5, element.left().toMillis());
        out.unnest();
      }
      out.unnest();
      out.end();
    }
  }

  private static void element(NetlinkWriter out, NftSet.Element element) {
    out.nest(LIST_ELEMENT);
    value(out, 1, element.key());
    if (element.end()) {
      out.attributeBigEndian32(3, 1); // NFT_SET_ELEM_INTERVAL_END
    }
    switch (element.content()) {
      case null -> {}
      case NftSet.Value(NftValue data) -> value(out, 2, data);
      case NftSet.Decision(NftVerdict verdict) -> verdict(out, 2, verdict);
    }
    out.unnest();
  }

  static void value(NetlinkWriter out, int attribute, NftValue value) {
    out.nest(attribute);
    out.attribute(1, value.bytes());
    out.unnest();
  }

  static void verdict(NetlinkWriter out, int attribute, NftVerdict verdict) {
    out.nest(attribute);
    out.nest(2);
    out.attributeBigEndian32(1, verdict.kind().code());
    if (!verdict.chain().isEmpty()) {
      out.attributeText(2, verdict.chain());
    }
    out.unnest();
    out.unnest();
  }

  /// The message's name in the kernel's header.
  static String call(NftRequest request) {
    return switch (request) {
      case AddTable _ -> "NFT_MSG_NEWTABLE";
      case DeleteTable _ -> "NFT_MSG_DELTABLE";
      case AddChain _ -> "NFT_MSG_NEWCHAIN";
      case DeleteChain _ -> "NFT_MSG_DELCHAIN";
      case AddRule _ -> "NFT_MSG_NEWRULE";
      case AddSet _ -> "NFT_MSG_NEWSET";
      case DeleteSet _ -> "NFT_MSG_DELSET";
      case DeleteCounter _ -> "NFT_MSG_DELOBJ";
      case AddCounter _ -> "NFT_MSG_NEWOBJ";
      case AddElements _, Recall _ -> "NFT_MSG_NEWSETELEM";
      case DeleteElements _ -> "NFT_MSG_DELSETELEM";
    };
  }
}
