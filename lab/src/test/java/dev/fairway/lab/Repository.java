// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab;

import java.nio.file.Files;
import java.nio.file.Path;

/// Where this checkout is.
final class Repository {
  private Repository() {}

  static Path root() {
    Path directory = Path.of("").toAbsolutePath();
    while (!Files.exists(directory.resolve("fairway"))
        || !Files.exists(directory.resolve("base"))) {
      directory = directory.getParent();
      if (directory == null) {
        throw new IllegalStateException("these tests run inside a checkout of Fairway");
      }
    }
    return directory;
  }
}
