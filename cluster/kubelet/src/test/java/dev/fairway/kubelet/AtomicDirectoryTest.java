// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fairway.kubelet.AtomicDirectory.Content;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AtomicDirectoryTest {
  @TempDir private Path directory;

  @Test
  void filesAppearChangeAndGo() throws Exception {
    assertThat(write(Map.of("a", file("1"), "deep/b", file("2")))).isTrue();
    assertThat(read("a")).isEqualTo("1");
    assertThat(read("deep/b")).isEqualTo("2");
    assertThat(Files.isSymbolicLink(directory.resolve("a"))).isTrue();
    Path before = directory.resolve("..data").toRealPath();

    assertThat(write(Map.of("a", file("1"), "deep/b", file("2")))).isFalse();
    assertThat(directory.resolve("..data").toRealPath()).isEqualTo(before);

    assertThat(write(Map.of("a", file("3")))).isTrue();
    assertThat(read("a")).isEqualTo("3");
    assertThat(directory.resolve("deep")).doesNotExist();
    assertThat(before).doesNotExist();
  }

  @Test
  void filesHaveTheirMode() throws Exception {
    write(Map.of("secret", new Content(new byte[] {1}, 0400)));
    assertThat(Files.getPosixFilePermissions(directory.resolve("secret")))
        .isEqualTo(PosixFilePermissions.fromString("r--------"));
  }

  @Test
  void theGroupMayRead() throws Exception {
    var files = Map.of("deep/secret", new Content(new byte[] {1}, 0400));
    assertThat(write(files)).isTrue();
    assertThat(AtomicDirectory.write(directory, files, OptionalInt.of(2000))).isTrue();
    Path secret = directory.resolve("deep/secret");
    assertThat(Files.getAttribute(secret, "unix:gid")).isEqualTo(2000);
    assertThat(Files.getPosixFilePermissions(secret))
        .isEqualTo(PosixFilePermissions.fromString("r--r-----"));
    assertThat(AtomicDirectory.write(directory, files, OptionalInt.of(2000))).isFalse();
  }

  @Test
  void nothingLeavesTheVolume() {
    assertThatThrownBy(() -> write(Map.of("../out", file("x"))))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("../out");
    assertThat(directory.resolveSibling("out")).doesNotExist();
  }

  @Test
  void aLinkThatIsNotOursIsReplacedAndNothingElseIsDeleted(@TempDir Path elsewhere)
      throws Exception {
    Path precious = Files.writeString(elsewhere.resolve("precious"), "here");
    Path link = directory.resolve("..data");
    Path toElsewhere = directory.toRealPath().relativize(elsewhere.toRealPath());
    for (Path target :
        List.of(elsewhere, toElsewhere, Path.of("..v").resolve(toElsewhere), Path.of(".."))) {
      Files.deleteIfExists(link);
      Files.createSymbolicLink(link, target);

      assertThat(write(Map.of("a", file("1"), "deep/b", file("2")))).isTrue();
      assertThat(read("a")).isEqualTo("1");
      assertThat(precious).hasContent("here");
    }
  }

  private boolean write(Map<String, Content> files) throws IOException {
    return AtomicDirectory.write(directory, files, OptionalInt.empty());
  }

  private String read(String name) throws IOException {
    return Files.readString(directory.resolve(name));
  }

  private static Content file(String text) {
    return new Content(text.getBytes(StandardCharsets.UTF_8), 0644);
  }
}
