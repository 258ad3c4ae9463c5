// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;

/// A container image of one static busybox, as an archive that `ctr images import` takes.
final class BusyboxImage {
  private static final int BLOCK = 512;
  private static final List<String> COMMANDS =
      List.of(
          "sh",
          "sleep",
          "echo",
          "cat",
          "httpd",
          "id",
          "env",
          "ls",
          "true",
          "false",
          "hostname",
          "nc",
          "touch",
          "test",
          "kill",
          "wget",
          "tar");

  private BusyboxImage() {}

  static void write(Path target, String... names) throws IOException {
    byte[] layer = layer();
    String layerHash = sha256(layer);
    String config =
        """
        {"architecture":"amd64","os":"linux","config":{"Env":["PATH=/bin"],"Cmd":["/bin/sleep","100000000"]},\
        "rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}\
        """
            .formatted(layerHash);
    String configName = sha256(config.getBytes(StandardCharsets.UTF_8)) + ".json";
    String manifest =
        "[{\"Config\":\"%s\",\"RepoTags\":[\"%s\"],\"Layers\":[\"layer.tar\"]}]"
            .formatted(configName, String.join("\",\"", names));
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    entry(out, configName, '0', 0644, "", config.getBytes(StandardCharsets.UTF_8));
    entry(out, "layer.tar", '0', 0644, "", layer);
    entry(out, "manifest.json", '0', 0644, "", manifest.getBytes(StandardCharsets.UTF_8));
    out.write(new byte[2 * BLOCK]);
    Files.write(target, out.toByteArray());
  }

  private static byte[] layer() throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (String directory : List.of("bin/", "etc/", "tmp/", "proc/", "sys/", "dev/")) {
      entry(out, directory, '5', 0755, "", new byte[0]);
    }
    entry(out, "bin/busybox", '0', 0755, "", Files.readAllBytes(Path.of("/bin/busybox")));
    for (String command : COMMANDS) {
      entry(out, "bin/" + command, '2', 0777, "busybox", new byte[0]);
    }
    byte[] passwd = "root:x:0:0:root:/:/bin/sh\n".getBytes(StandardCharsets.UTF_8);
    entry(out, "etc/passwd", '0', 0644, "", passwd);
    out.write(new byte[2 * BLOCK]);
    return out.toByteArray();
  }

  /// One file in the ustar form, tar(5).
  private static void entry(
      ByteArrayOutputStream out, String name, char type, int mode, String link, byte[] content)
      throws IOException {
    byte[] header = new byte[BLOCK];
    put(header, 0, name);
    put(header, 100, "%07o".formatted(mode));
    put(header, 108, "0000000");
    put(header, 116, "0000000");
    put(header, 124, "%011o".formatted(content.length));
    put(header, 136, "00000000000");
    put(header, 148, "        ");
    header[156] = (byte) type;
    put(header, 157, link);
    put(header, 257, "ustar");
    put(header, 263, "00");
    int sum = 0;
    for (byte b : header) {
      sum += b & 0xff;
    }
    put(header, 148, "%06o".formatted(sum));
    header[154] = 0;
    out.write(header);
    out.write(content);
    out.write(new byte[(BLOCK - content.length % BLOCK) % BLOCK]);
  }

  private static void put(byte[] header, int at, String text) {
    byte[] bytes = text.getBytes(StandardCharsets.US_ASCII);
    System.arraycopy(bytes, 0, header, at, bytes.length);
  }

  private static String sha256(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }
}
