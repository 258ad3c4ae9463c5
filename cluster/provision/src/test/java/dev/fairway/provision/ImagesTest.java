// SPDX-License-Identifier: Apache-2.0
package dev.fairway.provision;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.Map;
import java.util.TreeMap;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ImagesTest {
  @TempDir Path directory;

  @Test
  void everyBlobHasTheDigestItIsNamedBy() throws Exception {
    for (Path archive : Images.prepare(directory)) {
      Map<String, byte[]> layout = read(Files.readAllBytes(archive));
      assertThat(layout).containsKeys("oci-layout", "index.json");
      int blobs = 0;
      for (var file : layout.entrySet()) {
        if (file.getKey().startsWith("blobs/sha256/")) {
          byte[] digest = MessageDigest.getInstance("SHA-256").digest(file.getValue());
          assertThat(file.getKey()).endsWith(HexFormat.of().formatHex(digest));
          blobs++;
        }
      }
      assertThat(blobs).isEqualTo(3);
    }
  }

  @Test
  void theToolboxHasAShellAndAWebServer() throws IOException {
    Path archive = Images.prepare(directory).get(1);
    Map<String, byte[]> layout = read(Files.readAllBytes(archive));
    String index = new String(layout.get("index.json"), StandardCharsets.UTF_8);
    assertThat(index).contains(Images.TOOLBOX);
    byte[] layer =
        layout.values().stream().reduce((a, b) -> a.length > b.length ? a : b).orElseThrow();
    assertThat(read(layer).keySet())
        .contains("bin/busybox", "bin/sh", "bin/ip", "bin/wget", "www/cgi-bin/index.cgi");
  }

  @Test
  void makesThemOnlyOnce() throws IOException {
    Path archive = Images.prepare(directory).getFirst();
    Files.writeString(archive, "there");
    Images.prepare(directory);
    assertThat(archive).hasContent("there");
  }

  private static Map<String, byte[]> read(byte[] archive) throws IOException {
    Map<String, byte[]> files = new TreeMap<>();
    try (TarArchiveInputStream tar = new TarArchiveInputStream(new ByteArrayInputStream(archive))) {
      TarArchiveEntry entry = tar.getNextEntry();
      while (entry != null) {
        files.put(entry.getName(), tar.readAllBytes());
        entry = tar.getNextEntry();
      }
    }
    return files;
  }
}
