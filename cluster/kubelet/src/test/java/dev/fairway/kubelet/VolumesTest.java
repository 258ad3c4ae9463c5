// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.kubelet.cri.v1.Mount;
import dev.fairway.linux.Mounts;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.api.model.Secret;
import io.fabric8.kubernetes.api.model.Service;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Volumes on a real file system, and what a pod could do to them.
class VolumesTest {
  @TempDir private Path directory;
  private Volumes volumes;

  @BeforeEach
  void begin() {
    var nowhere = Path.of("/");
    var config =
        new KubeletConfig(
            "node-a",
            List.of("127.0.0.1"),
            nowhere,
            directory,
            "",
            "cluster.local",
            nowhere,
            "/none",
            new KubeletConfig.Tls(nowhere, nowhere, nowhere),
            0,
            110,
            Map.of());
    volumes = new Volumes(config, new Objects(), new MemoryVolumes());
  }

  @Test
  void whatTheNodeWritesThePodDoesNot() throws Exception {
    Pod pod =
        new PodBuilder(pod())
            .editSpec()
            .addNewVolume()
            .withName("config")
            .withNewConfigMap()
            .withName("settings")
            .endConfigMap()
            .endVolume()
            .editFirstContainer()
            .addNewVolumeMount()
            .withName("config")
            .withMountPath("/config")
            .endVolumeMount()
            .addNewVolumeMount()
            .withName("config")
            .withMountPath("/key")
            .withSubPath("key")
            .endVolumeMount()
            .endContainer()
            .endSpec()
            .build();
    List<Mount> mounts = mounts(pod);
    assertThat(mounts).filteredOn(m -> !m.getContainerPath().equals("/work")).hasSize(2);
    for (Mount mount : mounts) {
      assertThat(mount.getReadonly()).isEqualTo(!mount.getContainerPath().equals("/work"));
    }
  }

  @Test
  void aMountInsideAReadOnlyVolumeHasAPlace() throws Exception {
    Pod pod =
        new PodBuilder(pod())
            .editSpec()
            .addNewVolume()
            .withName("config")
            .withNewConfigMap()
            .withName("settings")
            .endConfigMap()
            .endVolume()
            .editFirstContainer()
            .addNewVolumeMount()
            .withName("config")
            .withMountPath("/")
            .endVolumeMount()
            .endContainer()
            .endSpec()
            .build();
    for (int i = 0; i < 2; i++) {
      Path config = Path.of(mounts(pod).getLast().getHostPath());
      assertThat(config.resolve("work")).isDirectory();
      assertThat(config.resolve("key")).hasContent("value");
    }
  }

  @Test
  void removingAPodStopsAtWhatIsMountedInIt() throws Exception {
    Pod pod = pod();
    String uid = pod.getMetadata().getUid();
    Path work = Path.of(mounts(pod).getFirst().getHostPath());
    Path outside = Files.createDirectory(directory.resolve("outside"));
    Path precious = Files.writeString(outside.resolve("precious"), "here");
    Files.createSymbolicLink(work.resolve("link"), outside);
    Path mounted = Files.createDirectory(work.resolve("mounted"));
    Mounts.bind(outside, mounted);
    Mounts.bind(outside, mounted);

    volumes.remove(uid);
    assertThat(volumes.podDirectory(uid)).doesNotExist();
    assertThat(precious).hasContent("here");
    volumes.remove(uid);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "Memory"})
  void anEmptyDirIsThePodsOwnOnceItIsMade(String medium) throws Exception {
    Pod pod =
        new PodBuilder(pod())
            .editSpec()
            .editFirstVolume()
            .withNewEmptyDir()
            .withMedium(medium)
            .endEmptyDir()
            .endVolume()
            .withNewSecurityContext()
            .withFsGroup(2000L)
            .endSecurityContext()
            .endSpec()
            .build();
    Path work = Path.of(mounts(pod).getFirst().getHostPath());
    assertThat(Files.getAttribute(work, "unix:gid")).isEqualTo(2000);
    assertThat(mode(work)).isEqualTo(02777);

    Files.setAttribute(work, "unix:mode", 0700);
    assertThat(mounts(pod).getFirst().getHostPath()).isEqualTo(work.toString());
    assertThat(mode(work)).isEqualTo(0700);
    volumes.remove(pod.getMetadata().getUid());
  }

  private static int mode(Path path) throws IOException {
    return (Integer) Files.getAttribute(path, "unix:mode") & 07777;
  }

  private List<Mount> mounts(Pod pod) throws NotReadyException {
    var fields = new PodFields(pod, List.of(), List.of("127.0.0.1"), 1, 1);
    return volumes.mounts(
        pod.getSpec().getContainers().getFirst(), volumes.prepare(fields), Map.of());
  }

  /// With an emptyDir at `/work`.
  private static Pod pod() {
    return new PodBuilder(PodLifeTest.pod("any", "true"))
        .editSpec()
        .addNewVolume()
        .withName("work")
        .withNewEmptyDir()
        .endEmptyDir()
        .endVolume()
        .editFirstContainer()
        .addNewVolumeMount()
        .withName("work")
        .withMountPath("/work")
        .endVolumeMount()
        .endContainer()
        .endSpec()
        .build();
  }

  private static final class Objects implements ClusterObjects {
    @Override
    public Optional<ConfigMap> configMap(String namespace, String name) {
      return Optional.of(new ConfigMapBuilder().addToData("key", "value").build());
    }

    @Override
    public Optional<Secret> secret(String namespace, String name) {
      return Optional.empty();
    }

    @Override
    public Collection<Service> services() {
      return List.of();
    }

    @Override
    public Token token(PodRef pod, String account, List<String> audiences, Duration lifetime) {
      return new Token("token-of-" + account, Instant.now().plus(lifetime));
    }
  }
}
