// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet;

import dev.fairway.linux.Mounts;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;

/// Directories held in memory, for `emptyDir.medium: Memory`.
final class MemoryVolumes {
  /// Mounts a tmpfs unless one is there already.
  ///
  /// @param limitBytes 0 for the kernel's own limit
  void mount(Path directory, long limitBytes) throws IOException {
    Files.createDirectories(directory);
    Path target = directory.toRealPath();
    if (mounted(target)) {
      return;
    }
    String options = limitBytes == 0 ? "mode=0777" : "mode=0777,size=" + limitBytes;
    Mounts.mount("tmpfs", "tmpfs", target, Set.of(), options);
  }

  /// Unmounts it if it is mounted.
  void unmount(Path directory) {
    if (mounted(directory.toAbsolutePath().normalize())) {
      var _ = Mounts.unmountLazily(directory);
    }
  }

  private static boolean mounted(Path target) {
    return Mounts.list().stream().anyMatch(mount -> mount.target().equals(target));
  }
}
