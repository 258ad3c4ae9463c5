// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;

/// The cgroup that holds a pod's containers. The runtime makes it on the way and leaves it behind.
final class PodCgroup {
  private static final Path ROOT = Path.of("/sys/fs/cgroup");

  private PodCgroup() {}

  /// Removes the empty cgroup from every hierarchy, whether there is one (v2) or many (v1).
  static void remove(String cgroup) throws IOException {
    String relative = cgroup.substring(1);
    remove(ROOT.resolve(relative));
    try (DirectoryStream<Path> hierarchies = Files.newDirectoryStream(ROOT, Files::isDirectory)) {
      for (Path hierarchy : hierarchies) {
        remove(hierarchy.resolve(relative));
      }
    }
  }

  private static void remove(Path directory) throws IOException {
    if (!Files.isDirectory(directory)) {
      return;
    }
    try (DirectoryStream<Path> children = Files.newDirectoryStream(directory, Files::isDirectory)) {
      for (Path child : children) {
        remove(child);
      }
    }
    Files.deleteIfExists(directory);
  }
}
