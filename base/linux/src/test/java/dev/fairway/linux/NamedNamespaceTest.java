// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

/// Files in `/run/netns`, beside those of `ip netns`. Each test is a process of its own with mounts
/// of its own and an empty `/run`, so this machine's is left alone.
class NamedNamespaceTest {
  private static final Path OURS = Path.of("/run/netns/ours");
  private static final Path OTHER = Path.of("/run/netns/other");

  /// What the other process does: each argument is one step.
  public static void main(String[] steps) throws Exception {
    for (String step : steps) {
      switch (step) {
        case "create" -> NetworkNamespace.create(OURS).close();
        case "create other" -> NetworkNamespace.create(OTHER).close();
        case "delete" -> NetworkNamespace.delete(OURS);
        case "delete other" -> NetworkNamespace.delete(OTHER);
        case "mounts" -> System.out.println(mounts());
        default -> run(step);
      }
    }
  }

  /// Those in the `/run` of this process, not those of the machine under it.
  private static List<String> mounts() {
    List<String> all = Mounts.list().stream().map(mount -> mount.target().toString()).toList();
    return all.subList(all.lastIndexOf("/run") + 1, all.size()).stream()
        .filter(target -> target.startsWith("/run/netns"))
        .toList();
  }

  private static void run(String command) throws IOException, InterruptedException {
    Process process = new ProcessBuilder("sh", "-c", command).inheritIO().start();
    if (process.waitFor() != 0) {
      throw new IOException(command + " failed");
    }
  }

  private static String inOwnMounts(String... steps) throws Exception {
    List<String> words =
        new ArrayList<>(
            List.of(
                "unshare",
                "--mount",
                "--propagation",
                "private",
                "sh",
                "-c",
                "mount -t tmpfs none /run && exec \"$@\"",
                "sh",
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                NamedNamespaceTest.class.getName()));
    words.addAll(Arrays.asList(steps));
    Process process = new ProcessBuilder(words).redirectErrorStream(true).start();
    ByteArrayOutputStream output = new ByteArrayOutputStream();
    process.getInputStream().transferTo(output);
    String text = output.toString(StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(text).isZero();
    return text;
  }

  @Test
  void ipNetnsDoesNotCoverThem() throws Exception {
    assertThat(
            inOwnMounts(
                "create",
                "mounts",
                "ip netns add users",
                "ip netns exec ours true",
                "delete",
                "mounts",
                "ip netns del users",
                "mounts"))
        .isEqualTo(
            """
            [/run/netns, /run/netns/ours]
            [/run/netns, /run/netns/users]
            [/run/netns]
            """);
  }

  @Test
  void theLastOneTakesTheMountAlong() throws Exception {
    assertThat(
            inOwnMounts(
                "create", "create other", "delete", "mounts", "delete other", "mounts", "delete"))
        .isEqualTo("[/run/netns, /run/netns/other]\n[]\n");
  }

  @Test
  void aMountThatLiesUnderAnotherIsNone() throws Exception {
    assertThat(
            inOwnMounts(
                "create", "mount -t tmpfs none /run", "create", "mounts", "delete", "mounts"))
        .isEqualTo("[/run/netns, /run/netns/ours]\n[]\n");
  }

  @Test
  void aMountOfOthersStays() throws Exception {
    assertThat(
            inOwnMounts("ip netns add users", "ip netns del users", "create", "delete", "mounts"))
        .isEqualTo("[/run/netns]\n");
  }
}
