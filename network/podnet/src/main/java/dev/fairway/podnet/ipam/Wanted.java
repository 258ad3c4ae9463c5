// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.ipam;

import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import java.util.List;

/// One address that a pod is to have. A pod wants one a family.
public sealed interface Wanted {
  /// Any address out of some ranges, the first that has one.
  ///
  /// @param source whose ranges they are, for people: `pool blue`
  /// @param ranges that the book knows; others offer nothing
  record OneOf(String source, List<Prefix> ranges) implements Wanted {
    public OneOf {
      ranges = List.copyOf(ranges);
    }
  }

  /// This address and no other, whatever ranges there are.
  record Exactly(IpAddress address) implements Wanted {}
}
