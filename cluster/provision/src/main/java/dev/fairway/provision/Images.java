// SPDX-License-Identifier: Apache-2.0
package dev.fairway.provision;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.apache.commons.compress.archivers.tar.TarConstants;

/// The two images a cluster needs before it can reach any registry, made on the spot as OCI image
/// layouts in a tar file (OCI image-layout specification 1.0.0).
///
/// `pause` holds a pod's namespaces open. `toolbox` is Debian's static busybox with a shell, the
/// usual network tools, and a web server on port 80 that answers with its host name.
public final class Images {
  public static final String PAUSE = "fairway.local/pause:1";
  public static final String TOOLBOX = "fairway.local/toolbox:1";
  private static final Path BUSYBOX = Path.of("/bin/busybox");
  private static final int EXECUTABLE = 0755;
  private static final int READABLE = 0644;

  // The first process of a container has no default reaction to signals: without a trap the server
  // would sit out each graceful stop to its end.
  private static final String SERVE =
      """
      #!/bin/sh
      trap 'exit 0' TERM INT
      httpd -f -p 80 -h /www &
      wait
      """;

  private static final String ANSWER_HOSTNAME =
      """
      #!/bin/sh
      printf 'Content-Type: text/plain\\r\\n\\r\\n'
      hostname
      """;

  private Images() {}

  /// Writes the image archives into a directory, unless they are there.
  ///
  /// @return the archives' files
  static List<Path> prepare(Path directory) {
    try {
      Files.createDirectories(directory);
      Path pause = directory.resolve("pause.tar");
      Path toolbox = directory.resolve("toolbox.tar");
      if (!Files.exists(pause)) {
        write(pause, PAUSE, pauseLayer(), List.of("/pause"), List.of());
      }
      if (!Files.exists(toolbox)) {
        write(
            toolbox,
            TOOLBOX,
            toolboxLayer(),
            List.of("/bin/serve"),
            List.of("PATH=/bin", "HOME=/root"));
      }
      return List.of(pause, toolbox);
    } catch (IOException e) {
      throw new ProvisionException(
          "images in " + directory + " cannot be made: " + e.getMessage(), e);
    }
  }

  /// One file of an image.
  private sealed interface Entry {
    record Directory(int mode) implements Entry {}

    record Contents(byte[] bytes, int mode) implements Entry {}

    record Link(String target) implements Entry {}
  }

  private static Map<String, Entry> pauseLayer() throws IOException {
    try (InputStream pause = Images.class.getResourceAsStream("/native/pause")) {
      if (pause == null) {
        throw new IOException("the program lacks /native/pause: build it with ./fairway up");
      }
      return Map.of("pause", new Entry.Contents(pause.readAllBytes(), EXECUTABLE));
    }
  }

  private static Map<String, Entry> toolboxLayer() throws IOException {
    if (!Files.isExecutable(BUSYBOX)) {
      throw new IOException(BUSYBOX + " is missing: apt-get install busybox-static");
    }
    Map<String, Entry> files = new TreeMap<>();
    for (String directory : List.of("bin/", "etc/", "root/", "www/", "www/cgi-bin/", "proc/")) {
      files.put(directory, new Entry.Directory(EXECUTABLE));
    }
    files.put("tmp/", new Entry.Directory(01777));
    files.put("bin/busybox", new Entry.Contents(Files.readAllBytes(BUSYBOX), EXECUTABLE));
    for (String applet : applets()) {
      if (!applet.equals("busybox")) {
        files.put("bin/" + applet, new Entry.Link("busybox"));
      }
    }
    files.put("etc/passwd", text("root:x:0:0:root:/root:/bin/sh\n", READABLE));
    files.put("etc/group", text("root:x:0:\n", READABLE));
    files.put("bin/serve", text(SERVE, EXECUTABLE));
    files.put("www/cgi-bin/index.cgi", text(ANSWER_HOSTNAME, EXECUTABLE));
    return files;
  }

  private static Entry text(String text, int mode) {
    return new Entry.Contents(text.getBytes(StandardCharsets.UTF_8), mode);
  }

  private static List<String> applets() throws IOException {
    Process list = new ProcessBuilder(BUSYBOX.toString(), "--list").start();
    try (InputStream out = list.getInputStream()) {
      return new String(out.readAllBytes(), StandardCharsets.US_ASCII).lines().toList();
    }
  }

  private static void write(
      Path archive, String name, Map<String, Entry> layer, List<String> command, List<String> env)
      throws IOException {
    Path next = archive.resolveSibling(archive.getFileName() + ".next");
    byte[] layerTar = tar(layer);
    String layerDigest = sha256(layerTar);
    byte[] config =
        """
        {"architecture":"%s","os":"linux","config":{"Env":%s,"Cmd":%s},\
        "rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}\
        """
            .formatted(architecture(), jsonList(env), jsonList(command), layerDigest)
            .getBytes(StandardCharsets.UTF_8);
    byte[] manifest =
        """
        {"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",\
        "config":%s,"layers":[%s]}\
        """
            .formatted(
                descriptor("application/vnd.oci.image.config.v1+json", config, ""),
                descriptor("application/vnd.oci.image.layer.v1.tar", layerTar, ""))
            .getBytes(StandardCharsets.UTF_8);
    byte[] index =
        """
        {"schemaVersion":2,"manifests":[%s]}\
        """
            .formatted(
                descriptor(
                    "application/vnd.oci.image.manifest.v1+json",
                    manifest,
                    ",\"annotations\":{\"io.containerd.image.name\":\"" + name + "\"}"))
            .getBytes(StandardCharsets.UTF_8);
    Map<String, Entry> layout = new TreeMap<>();
    layout.put("oci-layout", text("{\"imageLayoutVersion\":\"1.0.0\"}", READABLE));
    layout.put("index.json", new Entry.Contents(index, READABLE));
    for (byte[] blob : List.of(layerTar, config, manifest)) {
      layout.put("blobs/sha256/" + sha256(blob), new Entry.Contents(blob, READABLE));
    }
    Files.write(next, tar(layout));
    Files.move(next, archive, StandardCopyOption.ATOMIC_MOVE);
  }

  private static String descriptor(String mediaType, byte[] blob, String more) {
    return "{\"mediaType\":\""
        + mediaType
        + "\",\"digest\":\"sha256:"
        + sha256(blob)
        + "\",\"size\":"
        + blob.length
        + more
        + "}";
  }

  private static String jsonList(List<String> words) {
    StringBuilder json = new StringBuilder("[");
    for (String word : words) {
      json.append(json.length() > 1 ? "," : "").append('"').append(word).append('"');
    }
    return json.append(']').toString();
  }

  /// The image specification uses Go's names of processors.
  private static String architecture() {
    return switch (System.getProperty("os.arch")) {
      case "amd64", "x86_64" -> "amd64";
      case "aarch64" -> "arm64";
      case String other -> other;
    };
  }

  private static byte[] tar(Map<String, Entry> files) throws IOException {
    var bytes = new java.io.ByteArrayOutputStream();
    try (TarArchiveOutputStream tar = new TarArchiveOutputStream((OutputStream) bytes)) {
      for (var file : files.entrySet()) {
        TarArchiveEntry entry =
            switch (file.getValue()) {
              case Entry.Link link -> linkEntry(file.getKey(), link);
              case Entry.Directory directory -> plainEntry(file.getKey(), directory.mode(), 0);
              case Entry.Contents c -> plainEntry(file.getKey(), c.mode(), c.bytes().length);
            };
        tar.putArchiveEntry(entry);
        if (file.getValue() instanceof Entry.Contents contents) {
          tar.write(contents.bytes());
        }
        tar.closeArchiveEntry();
      }
    }
    return bytes.toByteArray();
  }

  private static TarArchiveEntry linkEntry(String name, Entry.Link link) {
    TarArchiveEntry entry = new TarArchiveEntry(name, TarConstants.LF_SYMLINK);
    entry.setLinkName(link.target());
    entry.setModTime(0);
    return entry;
  }

  private static TarArchiveEntry plainEntry(String name, int mode, long size) {
    TarArchiveEntry entry = new TarArchiveEntry(name);
    entry.setMode(mode);
    entry.setSize(size);
    entry.setModTime(0);
    entry.setIds(0, 0);
    return entry;
  }

  private static String sha256(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every JDK has SHA-256", e);
    }
  }
}
