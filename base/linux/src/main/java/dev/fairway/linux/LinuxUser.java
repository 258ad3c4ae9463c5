// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// Who this process runs as.
public final class LinuxUser {
  private LinuxUser() {}

  /// Whether this process may do what only root may: its effective user id is 0.
  public static boolean isRoot() {
    try {
      return Files.getAttribute(Path.of("/proc/self"), "unix:uid") instanceof Integer uid
          && uid == 0;
    } catch (IOException e) {
      return false;
    }
  }
}
