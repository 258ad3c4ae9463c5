// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet;

import java.io.IOException;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// Things to do of which each is tried, whatever became of those before it.
final class Stages {
  /// One of them.
  @FunctionalInterface
  interface Stage {
    void run() throws IOException;
  }

  private @Nullable Exception first;

  void run(Stage stage) {
    try {
      stage.run();
    } catch (IOException | RuntimeException e) {
      add(e);
    }
  }

  void add(Exception failure) {
    if (first == null) {
      first = failure;
    } else {
      first.addSuppressed(failure);
    }
  }

  /// What failed first, with what failed later in it.
  Optional<Exception> failure() {
    return Optional.ofNullable(first);
  }

  /// Throws what failed first.
  void end() throws IOException {
    switch (first) {
      case null -> {}
      case IOException e -> throw e;
      case RuntimeException e -> throw e;
      case Exception e -> throw new IllegalStateException(e);
    }
  }
}
