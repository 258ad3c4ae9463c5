// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.ipam;

import dev.fairway.net.Prefix;

/// Every address of a range is in use.
public final class AddressesExhausted extends Exception {
  private static final long serialVersionUID = 1L;

  AddressesExhausted(Prefix range, long capacity) {
    super(
        "all "
            + capacity
            + " addresses of this node's range "
            + range
            + " are in use: move pods away or give nodes larger ranges");
  }
}
