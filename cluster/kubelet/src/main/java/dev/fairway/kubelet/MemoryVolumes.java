// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet;

import dev.fairway.linux.Mounts;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalInt;
import java.util.Set;

/// Directories held in memory, for `emptyDir.medium: Memory`.
final class MemoryVolumes {
  /// Mounts a tmpfs unless one is there already.
  ///
  /// @param limitBytes 0 for the kernel's own limit
  /// @param group who new files in it belong to
  void mount(Path directory, long limitBytes, OptionalInt group) throws IOException {
    Files.createDirectories(directory);
    Path target = directory.toRealPath();
    if (mounted(target)) {
      return;
    }
    String options = group.isPresent() ? "mode=2777,gid=" + group.getAsInt() : "mode=0777";
    if (limitBytes != 0) {
      options += ",size=" + limitBytes;
    }
    Mounts.mount("tmpfs", "tmpfs", target, Set.of(), options);
  }

  /// Unmounts all at and below a directory, whoever mounted it.
  ///
  /// @throws IOException naming what stays mounted
  static void unmountUnder(Path directory) throws IOException {
    Path top = directory.toRealPath();
    var _ = Mounts.unmountUnder(top);
    for (Mounts.Mount left : Mounts.list()) {
      if (left.target().startsWith(top)) {
        throw new IOException(
            directory + " is not removed: " + left.source() + " is mounted on " + left.target());
      }
    }
  }

  private static boolean mounted(Path target) {
    return Mounts.list().stream().anyMatch(mount -> mount.target().equals(target));
  }
}
