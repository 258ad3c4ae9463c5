// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SubPathTest {
  @TempDir private Path directory;
  private Path volume;
  private Path outside;

  @BeforeEach
  void begin() throws IOException {
    volume = Files.createDirectory(directory.toRealPath().resolve("volume"));
    outside = Files.createDirectory(directory.toRealPath().resolve("outside"));
  }

  @Test
  void whatIsMissingIsMadeLikeTheVolume() throws Exception {
    Files.setAttribute(volume, "unix:gid", 2000);
    Files.setAttribute(volume, "unix:mode", 02777);
    assertThat(of("a/b")).isEqualTo(volume.resolve("a/b")).isDirectory();
    for (String made : new String[] {"a", "a/b"}) {
      assertThat(Files.getAttribute(volume.resolve(made), "unix:gid")).isEqualTo(2000);
      assertThat((Integer) Files.getAttribute(volume.resolve(made), "unix:mode") & 07777)
          .isEqualTo(02777);
    }
    assertThat(of("a/b")).isEqualTo(volume.resolve("a/b"));
  }

  @Test
  void linksThatStayInTheVolumeAreFollowed() throws Exception {
    Path version = Files.createDirectory(volume.resolve("..v1"));
    Path file = Files.writeString(version.resolve("key"), "value");
    link("..data", "..v1");
    link("key", "..data/key");
    assertThat(of("key")).isEqualTo(file);
    Files.createDirectory(volume.resolve("deep"));
    link("deep/up", "../..v1/../new/./one");
    assertThat(of("deep/up")).isEqualTo(volume.resolve("new/one")).isDirectory();
  }

  @Test
  void nothingIsMadeWhereALinkLeadsOut() throws Exception {
    Files.createDirectory(volume.resolve("deep"));
    link("absolute", outside.toString());
    link("relative", "../outside");
    link("deep/further", "../../outside/new");
    link("twice", "deep/further");
    link("circle", "circle");
    for (String bad : new String[] {"absolute", "relative", "deep/further", "twice", "circle"}) {
      assertThatThrownBy(() -> of(bad + "/made/here"))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("leads out of the volume");
    }
    for (String bad : new String[] {"../outside/x", "a/../../outside/x", outside + "/x"}) {
      assertThatThrownBy(() -> of(bad)).hasMessageContaining("must be relative");
    }
    assertThat(outside).isEmptyDirectory();
  }

  @Test
  void aFileIsNoDirectory() throws Exception {
    Files.writeString(volume.resolve("file"), "");
    assertThat(of("file")).isEqualTo(volume.resolve("file"));
    assertThatThrownBy(() -> of("file/x")).hasMessage("'file' is not a directory");
  }

  private Path of(String wanted) throws IOException {
    return SubPath.of(volume, Path.of(wanted));
  }

  private void link(String name, String target) throws IOException {
    Files.createSymbolicLink(volume.resolve(name), Path.of(target));
  }
}
