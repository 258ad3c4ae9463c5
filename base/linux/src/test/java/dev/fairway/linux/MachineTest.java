// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fairway.linux.Cgroups.Layout;
import dev.fairway.linux.Mounts.Mount;
import dev.fairway.linux.Processes.Signal;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Mounts, cgroups, processes and settings of the real kernel.
class MachineTest {
  @TempDir Path dir;

  @Test
  void theKernelThatRunsTheTestsHasEverything() {
    assertThat(KernelFeatures.missing()).isEmpty();
    assertThat(LinuxUser.isRoot()).isTrue();
  }

  @Test
  void mountsComeAndGoDeepestFirst() throws Exception {
    Path top = Files.createDirectory(dir.resolve("with space\\and backslash"));
    Mounts.mount("tmpfs", "none", top, Set.of(Mounts.Flag.NO_SET_UID), "size=64k");
    try {
      Path inner = Files.createDirectory(top.resolve("inner"));
      Path file = Files.writeString(top.resolve("file"), "content");
      Mounts.mount("tmpfs", "none", inner, Set.of(), "");
      Path readOnly = Files.createFile(inner.resolve("bound"));
      Mounts.bindReadOnly(file, readOnly);
      assertThat(readOnly).hasContent("content");
      assertThatThrownBy(() -> Files.writeString(readOnly, "x")).hasMessageContaining("Read-only");
      assertThat(Mounts.list())
          .filteredOn(mount -> mount.target().startsWith(top))
          .extracting(Mount::target)
          .containsExactly(top, inner, readOnly);
    } finally {
      assertThat(Mounts.unmountUnder(top)).isEqualTo(3);
    }
    assertThat(top).isEmptyDirectory();
    assertThat(Mounts.unmountLazily(top)).isFalse();
    assertThat(Mounts.unmountLazily(dir.resolve("absent"))).isFalse();
    assertThatThrownBy(() -> Mounts.mount("nothing", "none", top, Set.of(), ""))
        .isInstanceOf(KernelException.class)
        .hasMessageStartingWith("mount none on " + top)
        .hasMessageContaining("ENODEV");
  }

  @Test
  void mountinfoIsReadWithItsEscapes() {
    List<Mount> mounts =
        Mounts.parse(
            """
            25 30 0:23 / /sys rw,nosuid shared:7 - sysfs sysfs rw
            99 25 0:45 /a\\040b /mnt/tab\\011newline\\012back\\134slash rw - ext4 /dev/vda1 rw,x=1
            broken line
            1 2 3:4 / /no/dash rw
            """);
    assertThat(mounts)
        .containsExactly(
            new Mount("sysfs", Path.of("/sys"), "/", Set.of(Mounts.Flag.NO_SET_UID), "sysfs", "rw"),
            new Mount(
                "/dev/vda1",
                Path.of("/mnt/tab\tnewline\nback\\slash"),
                "/a b",
                Set.of(),
                "ext4",
                "rw,x=1"));
  }

  @Test
  void aProcessIsFoundInItsCgroupAndTheGroupGoesWhenItIsEmpty() throws Exception {
    Cgroups cgroups = Cgroups.find();
    assertThat(cgroups.layout()).isNotEqualTo(Layout.NONE);
    String name = "fairway-test-" + ProcessHandle.current().pid();
    Process process = new ProcessBuilder("sleep", "60").start();
    try {
      cgroups.create(name + "/inner");
      cgroups.add(name + "/inner", process.pid());
      assertThat(cgroups.pids(name)).containsExactly(process.pid());
      assertThat(Processes.exists(process.pid())).isTrue();
    } finally {
      assertThat(Processes.signal(process.pid(), Signal.KILL)).isTrue();
      process.waitFor();
      cgroups.delete(name);
    }
    assertThat(cgroups.pids(name)).isEmpty();
    assertThat(cgroups.hierarchies())
        .noneMatch(hierarchy -> Files.exists(hierarchy.mount().resolve(name)));
    cgroups.delete(name);
    assertThat(Processes.signal(process.pid(), Signal.TERMINATE)).isFalse();
    assertThatThrownBy(() -> cgroups.delete("..")).hasMessageContaining("not the name of a cgroup");
    assertThatThrownBy(() -> Processes.signal(-1, Signal.KILL)).hasMessageContaining("cannot be");
  }

  @Test
  void settingsAreChecked() {
    assertThatThrownBy(() -> Sysctls.read("net.nothing.here"))
        .isInstanceOf(KernelException.class)
        .hasMessageContaining("sysctl net.nothing.here: ENOENT");
    assertThatThrownBy(() -> Sysctls.write("../../etc/x", "1"))
        .hasMessageContaining("not the name of a kernel setting");
    try (NetworkNamespace namespace = NetworkNamespace.createAnonymous()) {
      assertThatThrownBy(
              () -> Sysctls.write(namespace, java.util.Map.of("net.ipv4.ip_forward", "x")))
          .isInstanceOf(KernelException.class)
          .hasMessageContaining("EINVAL");
    }
  }
}
