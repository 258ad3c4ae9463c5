// SPDX-License-Identifier: Apache-2.0
package dev.fairway.fairway;

import dev.fairway.linux.KernelFeatures;
import dev.fairway.linux.LinuxUser;
import dev.fairway.provision.ProvisionException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/// What this host must offer before anything is begun.
final class Requirements {
  private static final long LEAST_FREE_BYTES = 500L << 20;

  private Requirements() {}

  static void root(String command) {
    if (!LinuxUser.isRoot()) {
      throw new ProvisionException("'" + command + "' needs root: sudo ./fairway " + command);
    }
  }

  /// @throws ProvisionException if the kernel or the disk cannot carry a cluster
  static void host() {
    List<String> missing = KernelFeatures.missing();
    if (!missing.isEmpty()) {
      throw new ProvisionException(String.join(" ", missing));
    }
    Path state = Path.of("/var/lib");
    try {
      long free = Files.getFileStore(state).getUsableSpace();
      if (free < LEAST_FREE_BYTES) {
        throw new ProvisionException(
            state
                + " has "
                + (free >> 20)
                + " MiB free; a cluster needs "
                + (LEAST_FREE_BYTES >> 20)
                + " MiB: make room there");
      }
    } catch (IOException e) {
      throw new ProvisionException(state + " cannot be looked at: " + e.getMessage(), e);
    }
  }
}
