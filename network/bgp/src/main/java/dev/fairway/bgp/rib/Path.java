// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp.rib;

import dev.fairway.bgp.wire.PathAttributes;

/// A way to a prefix, as accepted.
///
/// @param stale whether its neighbour is restarting or telling all anew, and has not told it again
public record Path(PathSource source, PathAttributes attributes, boolean stale) {
  Path asStale() {
    return stale ? this : new Path(source, attributes, true);
  }
}
