// SPDX-License-Identifier: Apache-2.0
package dev.fairway.fairway;

import dev.fairway.linux.LinuxUser;
import dev.fairway.provision.ProvisionException;

/// What this machine must offer before anything is begun.
final class Requirements {
  private Requirements() {}

  static void root(String command) {
    if (!LinuxUser.isRoot()) {
      throw new ProvisionException(
          "'" + command + "' needs root, because it makes network namespaces: sudo ./fairway "
              + command);
    }
  }
}
