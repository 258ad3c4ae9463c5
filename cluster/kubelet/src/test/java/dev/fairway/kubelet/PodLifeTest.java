// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import io.fabric8.kubernetes.api.model.ContainerBuilder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.api.model.PodStatus;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// Pods from begin to end on a real containerd.
class PodLifeTest {
  private static Containerd containerd;
  private TestNode node;

  @BeforeAll
  static void launch() throws Exception {
    containerd = new Containerd();
  }

  @AfterAll
  static void end() throws Exception {
    containerd.close();
  }

  @BeforeEach
  void begin() {
    node = new TestNode(containerd);
  }

  @AfterEach
  void stop() throws Exception {
    try {
      node.run();
      Await.until("all pods are gone but " + node.pods.all(), () -> node.pods.all().isEmpty());
    } finally {
      node.close();
    }
  }

  @Test
  void aPodRunsLogsAndStopsWithinItsGracePeriod() throws Exception {
    Pod pod =
        pod("hello", "echo hello; trap 'echo bye; exit 3' TERM; while true; do sleep 0.1; done");
    node.run(pod);
    PodStatus status = node.await(pod, "runs", s -> "Running".equals(s.getPhase()));
    assertThat(status.getContainerStatuses().getFirst().getReady()).isTrue();
    assertThat(status.getPodIP()).isEqualTo("127.0.0.1");
    Path log =
        node.config
            .logsDirectory()
            .resolve(PodRef.of(pod).logDirectoryName())
            .resolve("main/0.log");
    Await.until("the log has a line", () -> contains(log, "stdout F hello"));

    node.run(deleted(pod));
    Await.until("the pod is gone", () -> node.gone.containsKey("hello"));
    var ended = node.statuses.get("hello").getContainerStatuses().getFirst().getState();
    assertThat(ended.getTerminated().getExitCode()).isEqualTo(3);
    assertThat(log).doesNotExist();
    assertThat(node.cri.sandboxes(Map.of(Labels.POD_UID, pod.getMetadata().getUid()))).isEmpty();
    assertThat(node.events)
        .extracting(EventRecorder.Happening::reason)
        .containsSubsequence("Pulled", "Created", "Started", "Killing");
  }

  @Test
  void aRestartedNodeAdoptsWhatRuns() throws Exception {
    Pod pod = pod("kept", "sleep 1000");
    node.run(pod);
    String id = id(node.await(pod, "runs", s -> "Running".equals(s.getPhase())));
    node.close();
    node = new TestNode(containerd);
    node.run(pod);
    assertThat(id(node.await(pod, "runs", s -> "Running".equals(s.getPhase())))).isEqualTo(id);
  }

  @Test
  void initContainersRunFirstAndInOrderAndShareVolumes() throws Exception {
    Pod pod =
        new PodBuilder(pod("init", "cat /config/work/a /config/key; sleep 1000"))
            .editSpec()
            .addToInitContainers(
                new ContainerBuilder()
                    .withName("one")
                    .withImage(Containerd.IMAGE)
                    .withCommand("sh", "-c", "echo first > /work/a")
                    .addNewVolumeMount()
                    .withName("work")
                    .withMountPath("/work")
                    .endVolumeMount()
                    .build(),
                new ContainerBuilder()
                    .withName("two")
                    .withImage(Containerd.IMAGE)
                    .withCommand("sh", "-c", "echo second $NAME >> /work/a")
                    .addNewEnv()
                    .withName("NAME")
                    .withNewValueFrom()
                    .withNewFieldRef()
                    .withFieldPath("metadata.name")
                    .endFieldRef()
                    .endValueFrom()
                    .endEnv()
                    .addNewVolumeMount()
                    .withName("work")
                    .withMountPath("/work")
                    .endVolumeMount()
                    .build())
            .editFirstContainer()
            .addNewVolumeMount()
            .withName("work")
            .withMountPath("/work")
            .endVolumeMount()
            .addNewVolumeMount()
            .withName("config")
            .withMountPath("/config")
            .endVolumeMount()
            .addNewVolumeMount()
            .withName("work")
            .withMountPath("/config/work")
            .endVolumeMount()
            .endContainer()
            .addNewVolume()
            .withName("work")
            .withNewEmptyDir()
            .withMedium("Memory")
            .endEmptyDir()
            .endVolume()
            .addNewVolume()
            .withName("config")
            .withNewConfigMap()
            .withName("settings")
            .endConfigMap()
            .endVolume()
            .endSpec()
            .build();
    node.run(pod);
    Await.until("it says what is missing", () -> node.happened("FailedMount"));
    node.configMaps.put("settings", new ConfigMapBuilder().addToData("key", "value\n").build());
    node.await(pod, "runs", s -> "Running".equals(s.getPhase()));
    Path log =
        node.config
            .logsDirectory()
            .resolve(PodRef.of(pod).logDirectoryName())
            .resolve("main/0.log");
    Await.until(
        "all was written in order",
        () -> contains(log, "first") && contains(log, "second init") && contains(log, "value"));
  }

  @Test
  void aCrashIsRestartedAtOnceThenAfterABackoff() throws Exception {
    Pod pod = pod("crash", "echo last words > /dev/termination-log; exit 7");
    node.run(pod);
    PodStatus status =
        node.await(
            pod,
            "backs off",
            s ->
                !s.getContainerStatuses().isEmpty()
                    && s.getContainerStatuses().getFirst().getState().getWaiting() != null
                    && "CrashLoopBackOff"
                        .equals(
                            s.getContainerStatuses()
                                .getFirst()
                                .getState()
                                .getWaiting()
                                .getReason()));
    var container = status.getContainerStatuses().getFirst();
    assertThat(container.getRestartCount()).isEqualTo(1);
    assertThat(container.getLastState().getTerminated().getExitCode()).isEqualTo(7);
    assertThat(container.getLastState().getTerminated().getMessage()).isEqualTo("last words\n");
  }

  @Test
  void noMessageIsReadFromAVolume() throws Exception {
    Pod pod =
        new PodBuilder(never(pod("sly", "exit 7")))
            .editSpec()
            .editFirstContainer()
            .addNewVolumeMount()
            .withName("host")
            .withMountPath("/dev/termination-log")
            .endVolumeMount()
            .endContainer()
            .addNewVolume()
            .withName("host")
            .withNewHostPath()
            .withPath("/etc/hostname")
            .endHostPath()
            .endVolume()
            .endSpec()
            .build();
    node.run(pod);
    PodStatus status = node.await(pod, "fails", s -> "Failed".equals(s.getPhase()));
    assertThat(status.getContainerStatuses().getFirst().getState().getTerminated().getMessage())
        .isNullOrEmpty();
  }

  @Test
  void aPodThatEndsSucceedsOrFails() throws Exception {
    Pod good = never(pod("good", "exit 0"));
    Pod bad = never(pod("bad", "exit 1"));
    node.run(good, bad);
    node.await(good, "succeeds", s -> "Succeeded".equals(s.getPhase()));
    node.await(bad, "fails", s -> "Failed".equals(s.getPhase()));
  }

  @Test
  void probesDecideReadinessAndRestarts() throws Exception {
    Pod pod =
        new PodBuilder(
                pod(
                    "probed",
                    "touch /tmp/live; sleep 1; touch /tmp/ready; sleep 2; kill -9 1; echo; sleep 1000"))
            .editSpec()
            .editFirstContainer()
            .withNewReadinessProbe()
            .withPeriodSeconds(1)
            .withNewExec()
            .withCommand("cat", "/tmp/ready")
            .endExec()
            .endReadinessProbe()
            .withNewLivenessProbe()
            .withPeriodSeconds(1)
            .withFailureThreshold(1)
            .withNewExec()
            .withCommand("test", "!", "-e", "/tmp/ready")
            .endExec()
            .endLivenessProbe()
            .endContainer()
            .withTerminationGracePeriodSeconds(1L)
            .endSpec()
            .build();
    node.run(pod);
    PodStatus first = node.await(pod, "runs", s -> "Running".equals(s.getPhase()));
    assertThat(first.getContainerStatuses().getFirst().getReady()).isFalse();
    node.await(pod, "restarts", s -> s.getContainerStatuses().getFirst().getRestartCount() == 1);
    assertThat(node.happened("Unhealthy")).isTrue();
  }

  @Test
  void anImageThatCannotBeHadIsExplained() throws Exception {
    Pod pod =
        new PodBuilder(pod("absent", "true"))
            .editSpec()
            .editFirstContainer()
            .withImage("127.0.0.1:1/none:1")
            .endContainer()
            .endSpec()
            .build();
    node.run(pod);
    node.await(
        pod,
        "waits",
        s -> {
          var waiting = s.getContainerStatuses().getFirst().getState().getWaiting();
          return waiting != null && waiting.getReason().matches("ErrImagePull|ImagePullBackOff");
        });
  }

  @Test
  void aDeadSandboxIsReplacedWithItsContainers() throws Exception {
    Pod pod = pod("phoenix", "sleep 1000");
    node.run(pod);
    String id = id(node.await(pod, "runs", s -> "Running".equals(s.getPhase())));
    String sandbox =
        node.cri.sandboxes(Map.of(Labels.POD_UID, pod.getMetadata().getUid())).getFirst().getId();
    node.cri.stopSandbox(sandbox);
    PodStatus again =
        node.await(
            pod,
            "runs again",
            s ->
                s.getContainerStatuses().getFirst().getRestartCount() >= 1
                    && s.getContainerStatuses().getFirst().getState().getRunning() != null);
    assertThat(id(again)).isNotEqualTo(id);
  }

  @Test
  void podsComeBackAfterEverythingWasKilled() throws Exception {
    Pod pod = pod("lazarus", "sleep 1000");
    node.run(pod);
    String id = id(node.await(pod, "runs", s -> "Running".equals(s.getPhase())));
    containerd.kill();
    containerd.killShimsAndContainers();
    containerd.restart();
    PodStatus again =
        node.await(
            pod,
            "runs again",
            s ->
                s.getContainerStatuses().getFirst().getState().getRunning() != null
                    && !id(s).equals(id));
    assertThat(again.getContainerStatuses().getFirst().getRestartCount()).isEqualTo(1);
  }

  @Test
  void aLargeLogIsMovedAsideAndWritingGoesOn() throws Exception {
    Pod pod = pod("chatty", "i=0; while true; do i=$((i+1)); echo line $i; sleep 0.02; done");
    node.run(pod);
    node.await(pod, "runs", s -> "Running".equals(s.getPhase()));
    Path log =
        node.config
            .logsDirectory()
            .resolve(PodRef.of(pod).logDirectoryName())
            .resolve("main/0.log");
    Await.until("it logged", () -> contains(log, "line 3"));
    new LogRotation(node.config, node.cri, node.pods, 10).rotate();
    Await.until("a new file grows", () -> contains(log, "line ") && !contains(log, "line 1\n"));
    try (var files = Files.list(log.getParent())) {
      assertThat(files).hasSize(2);
    }
  }

  private static String id(PodStatus status) {
    return status.getContainerStatuses().getFirst().getContainerID();
  }

  private static boolean contains(Path file, String text) {
    try {
      return Files.exists(file) && Files.readString(file).contains(text);
    } catch (java.io.IOException e) {
      return false;
    }
  }

  static Pod never(Pod pod) {
    return new PodBuilder(pod).editSpec().withRestartPolicy("Never").endSpec().build();
  }

  private static Pod deleted(Pod pod) {
    return new PodBuilder(pod)
        .editMetadata()
        .withDeletionTimestamp(Instant.now().toString())
        .withDeletionGracePeriodSeconds(10L)
        .endMetadata()
        .build();
  }

  static Pod pod(String name, String script) {
    return new PodBuilder()
        .withNewMetadata()
        .withName(name)
        .withNamespace("default")
        .withUid(UUID.randomUUID().toString())
        .endMetadata()
        .withNewSpec()
        .withHostNetwork(true)
        .withNodeName("node-a")
        .withTerminationGracePeriodSeconds(0L)
        .addNewContainer()
        .withName("main")
        .withImage(Containerd.IMAGE)
        .withCommand("sh", "-c", script)
        .endContainer()
        .endSpec()
        .build();
  }
}
