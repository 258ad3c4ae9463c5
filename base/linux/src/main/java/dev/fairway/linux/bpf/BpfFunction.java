// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux.bpf;

import java.util.Locale;

/// Functions that the kernel has for programs, by the numbers of `linux/bpf.h`.
public enum BpfFunction {
  MAP_LOOKUP_ELEM(1),
  MAP_UPDATE_ELEM(2),
  MAP_DELETE_ELEM(3),
  KTIME_GET_NS(5),
  GET_PRANDOM_U32(7),
  SKB_STORE_BYTES(9),
  CLONE_REDIRECT(13),
  REDIRECT(23),
  GET_SOCKET_COOKIE(46),
  FIB_LOOKUP(69),
  JIFFIES64(118),
  GET_NETNS_COOKIE(122),
  REDIRECT_NEIGH(152),
  REDIRECT_PEER(155);

  final int number;

  BpfFunction(int number) {
    this.number = number;
  }

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
