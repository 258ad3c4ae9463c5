// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.settings;

import dev.fairway.net.Prefix;
import java.util.List;

/// Whether packets from pods to the world outside get the node's address.
///
/// @param enabled no if routers outside know the way back to pods
/// @param except destinations that see a pod's own address all the same
public record MasqueradeSettings(boolean enabled, List<Prefix> except) {
  static final int MOST_EXCEPTIONS = 64;

  public MasqueradeSettings {
    except = List.copyOf(except);
    InvalidSettings.unless(
        except.size() <= MOST_EXCEPTIONS,
        "masquerade.except",
        "must have at most " + MOST_EXCEPTIONS + " entries");
  }
}
