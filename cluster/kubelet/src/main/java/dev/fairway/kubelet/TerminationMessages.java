// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;

/// The files one pod's containers leave their last words in: one for each start of each container,
/// below `pods/UID/containers`, which no container sees as a whole.
///
/// @param podDirectory the pod's own directory
record TerminationMessages(Path podDirectory) {
  Path file(String container, int restarts) {
    return podDirectory.resolve("containers").resolve(container).resolve("termination-" + restarts);
  }

  /// Makes the file, empty, for whoever the container runs as to write.
  Path create(String container, int restarts) throws IOException {
    Path file = file(container, restarts);
    Files.createDirectories(file.getParent());
    Files.deleteIfExists(file);
    Files.createFile(file);
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-rw-rw-"));
    return file;
  }

  /// The end of a file; nothing if it is not there or no plain file. Links are not followed.
  static String tail(Path file, int maxBytes) {
    if (!Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
      return "";
    }
    try (var channel =
        Files.newByteChannel(file, Set.of(StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS))) {
      channel.position(Math.max(0, channel.size() - maxBytes));
      ByteBuffer bytes = ByteBuffer.allocate(maxBytes);
      int read = 0;
      while (bytes.hasRemaining() && read >= 0) {
        read = channel.read(bytes);
      }
      return new String(bytes.array(), 0, bytes.position(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      return "";
    }
  }
}
