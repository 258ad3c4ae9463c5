// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux.nft;

import org.jspecify.annotations.Nullable;

/// A chain of rules: one that packets come to by themselves, or one that other rules send them to.
///
/// @param table which table it is in
/// @param name unique in its table
/// @param attachment where packets come to it, null for a regular chain
public record NftChain(NftTable table, String name, @Nullable Attachment attachment) {
  public NftChain {
    NftName.check(name);
  }

  /// A chain for jumps and gotos.
  public static NftChain regular(NftTable table, String name) {
    return new NftChain(table, name, null);
  }

  /// A chain that packets come to by themselves.
  public static NftChain base(NftTable table, String name, Type type, Hook hook, int priority) {
    return new NftChain(table, name, new Attachment(type, hook, priority, true));
  }

  /// Where packets come to a chain.
  ///
  /// @param type what the chain may do
  /// @param hook at which point of a packet's way
  /// @param priority lower comes first; connection tracking is at -200, dstnat -100, filter 0,
  ///   srcnat 100 (`linux/netfilter_ipv4.h`)
  /// @param accept whether a packet that reaches the end goes on
  public record Attachment(Type type, Hook hook, int priority, boolean accept) {}

  /// What a chain may do.
  public enum Type {
    FILTER("filter"),
    NAT("nat"),
    ROUTE("route");

    private final String word;

    Type(String word) {
      this.word = word;
    }

    String word() {
      return word;
    }
  }

  /// The points of a packet's way, (`enum nf_inet_hooks`), and the one of ARP
  /// (`linux/netfilter_arp.h`).
  public enum Hook {
    PREROUTING(0),
    INPUT(1),
    FORWARD(2),
    OUTPUT(3),
    POSTROUTING(4),
    ARP_INPUT(0);

    private final int number;

    Hook(int number) {
      this.number = number;
    }

    int number() {
      return number;
    }
  }

  @Override
  public String toString() {
    return "chain " + name + " of " + table;
  }
}
