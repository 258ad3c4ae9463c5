// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TerminationMessagesTest {
  @TempDir private Path directory;

  @Test
  void theEndOfAPlainFileIsRead() throws Exception {
    Path file = new TerminationMessages(directory).create("main", 3);
    assertThat(file).isEqualTo(directory.resolve("containers/main/termination-3"));
    assertThat(TerminationMessages.tail(file, 4)).isEmpty();
    Files.writeString(file, "last words");
    assertThat(TerminationMessages.tail(file, 5)).isEqualTo("words");
    assertThat(TerminationMessages.tail(file, 500)).isEqualTo("last words");
  }

  @Test
  void linksAndWhatIsNoFileAreNotRead() throws Exception {
    Path secret = Files.writeString(directory.resolve("secret"), "secret");
    Path link = Files.createSymbolicLink(directory.resolve("link"), secret);
    assertThat(TerminationMessages.tail(link, 500)).isEmpty();
    assertThat(TerminationMessages.tail(directory, 500)).isEmpty();
    assertThat(TerminationMessages.tail(directory.resolve("none"), 500)).isEmpty();
    assertThat(TerminationMessages.tail(Path.of("/dev/zero"), 500)).isEmpty();
  }
}
