// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab.bench;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;

/// A small C program that measures or loads where a JVM would measure itself, as a file that can be
/// run. It is deleted at the end.
record NativeProgram(Path file) implements AutoCloseable {
  static NativeProgram extract(String name) throws IOException {
    Path file = Files.createTempFile("fairway-" + name, "");
    try (InputStream in = NativeProgram.class.getResourceAsStream("/native/" + name)) {
      if (in == null) {
        throw new IOException(name + " is not built: run ./fairway bench");
      }
      Files.copy(in, file, StandardCopyOption.REPLACE_EXISTING);
    }
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwx------"));
    return new NativeProgram(file);
  }

  @Override
  public void close() throws IOException {
    Files.deleteIfExists(file);
  }
}
