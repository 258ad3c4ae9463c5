// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp.bfd;

/// Who wants to know of peers that come and go.
@FunctionalInterface
public interface BfdListener {
  /// A session came up, or went down from up. Called on the thread that sends the packets: hand
  /// over and return within microseconds.
  void changed(BfdStatus status);
}
