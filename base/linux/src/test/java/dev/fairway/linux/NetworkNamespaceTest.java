// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NetworkNamespaceTest {
  @TempDir Path dir;

  @Test
  void livesAtItsFileUntilDeleted() {
    Path path = dir.resolve("deep/machine");
    try (NetworkNamespace made = NetworkNamespace.create(path)) {
      try (NetworkNamespace again = NetworkNamespace.open(path);
          NetworkNamespace here = NetworkNamespace.current()) {
        assertThat(again).isEqualTo(made).isNotEqualTo(here);
      }
      assertThatThrownBy(() -> NetworkNamespace.create(path))
          .isInstanceOf(KernelException.class)
          .hasMessageContaining("EEXIST");
      assertThat(Mounts.list()).anyMatch(mount -> mount.target().equals(path));
    } finally {
      NetworkNamespace.delete(path);
    }
    assertThat(path).doesNotExist();
    assertThat(Mounts.list()).noneMatch(mount -> mount.target().equals(path));
    NetworkNamespace.delete(path);
  }

  @Test
  void oneThatLostItsFileCanGetAnother() {
    Path path = dir.resolve("machine");
    try (NetworkNamespace made = NetworkNamespace.create(path)) {
      NetworkNamespace.delete(path);
      made.bindTo(path);
      try (NetworkNamespace again = NetworkNamespace.open(path)) {
        assertThat(again).isEqualTo(made);
      }
      assertThatThrownBy(() -> made.bindTo(path)).hasMessageContaining("EEXIST");
    } finally {
      NetworkNamespace.delete(path);
    }
  }

  @Test
  void workRunsInsideAndTheCallerStaysOutside() throws Exception {
    try (NetworkNamespace made = NetworkNamespace.createAnonymous();
        NetworkNamespace here = NetworkNamespace.current()) {
      try (NetworkNamespace inside = made.call(NetworkNamespace::current)) {
        assertThat(inside).isEqualTo(made);
      }
      try (NetworkNamespace after = NetworkNamespace.current()) {
        assertThat(after).isEqualTo(here);
      }
      assertThatThrownBy(() ->
              made.call(() -> {
                throw new IOException("from inside");
              }))
          .isInstanceOf(IOException.class)
          .hasMessage("from inside");
    }
  }

  @Test
  void aProcessStartsInside() throws Exception {
    try (NetworkNamespace made = NetworkNamespace.createAnonymous()) {
      ProcessBuilder builder = new ProcessBuilder("sleep", "60");
      Process process = made.start(builder);
      try {
        assertThat(builder.command()).containsExactly("sleep", "60");
        Deadline.waitFor(() -> process.info().command().orElse("").endsWith("sleep"));
        try (NetworkNamespace ofProcess = NetworkNamespace.ofPid(process.pid())) {
          assertThat(ofProcess).isEqualTo(made);
        }
      } finally {
        process.destroyForcibly().waitFor();
      }
    }
  }

  @Test
  void aFileThatIsNoNamespaceIsRefused() throws Exception {
    Path file = Files.createFile(dir.resolve("plain"));
    assertThatThrownBy(() -> NetworkNamespace.open(file))
        .isInstanceOf(KernelException.class)
        .hasMessageContaining("plain is not a network namespace");
    assertThatThrownBy(() -> NetworkNamespace.open(dir.resolve("absent")))
        .isInstanceOf(KernelException.class)
        .hasMessageContaining("ENOENT");
  }
}
