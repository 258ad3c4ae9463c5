// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.linux.Cgroups;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.locks.LockSupport;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// `down` takes away all that `up` made, whatever happened in between, and nothing else.
@Tag("slow")
class RemovalTest {
  private static final String GONE = "gone";
  private static final String STAYS = "stays";

  /// One line for each thing on this host that a cluster could leave behind.
  private static final String TRACES =
      """
      {
        ls -d /run/netns/* /run/fairway/* /var/lib/fairway/* /opt/containerd
        ls -d /run/containerd/runc/*/*
        ip -o link | sed 's/^[0-9]*: //; s/[:@].*//; s/^/link /'
        ip -4 route | sed 's/^/route /'
        ip rule
        nft list tables
        find /sys/fs/cgroup -maxdepth 3 -name 'fairway*'
        cut -d' ' -f5 /proc/self/mountinfo | grep -vx /run/netns
        ls /run/netns | grep -q . || grep ' /run/netns ' /proc/self/mountinfo
        sysctl net.ipv4.ip_forward
        ps -eo stat=,args= | sed -n 's/^[^Z ]* *//p' |
          grep -E 'containerd|fairway.Main (server|node)' |
          grep -oE -- '--name [a-z0-9]+|/fairway/[a-z0-9]+/' | sed 's/^/process of /'
      } 2>/dev/null | sort -u
      """;

  /// Clusters that others have here may do as they like meanwhile, and need forwarding.
  private static final Pattern OF_OTHERS =
      Pattern.compile("fairway|ip_forward|containerd/runc|\\bfw|route 10[.]240[.]|process of");

  private final Shell shell = new Shell(Map.of());
  private Set<String> before;

  @BeforeEach
  void look() {
    for (String name : new String[] {GONE, STAYS}) {
      shell.run("./fairway down --name " + name).good();
    }
    before = traces();
  }

  @AfterEach
  void clean() {
    for (String name : new String[] {GONE, STAYS}) {
      shell.run("./fairway down --name " + name).good();
    }
  }

  private Set<String> traces() {
    Set<String> lines = new TreeSet<>();
    boolean alone =
        shell.run("ls /var/lib/fairway 2>/dev/null | grep -vx 'gone\\|stays'").output().isEmpty();
    shell
        .run(TRACES)
        .good()
        .lines()
        .filter(line ->
            alone || line.contains(GONE) || line.contains(STAYS) || !OF_OTHERS.matcher(line).find())
        .forEach(lines::add);
    return lines;
  }

  private void nothingIsLeft() {
    Set<String> left = traces();
    left.removeAll(before);
    assertThat(left).isEmpty();
  }

  private void down(String cluster) {
    shell.run("./fairway down --name " + cluster).good();
  }

  @Test
  void oneClusterGoesTheOtherWorksAndLeavesNothingEvenCrashed() throws Exception {
    shell.run("./fairway up --workers 1 --name " + GONE).good();
    shell.run("./fairway up --workers 1 --name " + STAYS).good();
    for (String name : new String[] {GONE, STAYS}) {
      shell
          .run(kubectl(name) + "run web --image=fairway.local/toolbox:1 --expose --port=80")
          .good();
    }
    for (String name : new String[] {GONE, STAYS}) {
      shell.run(kubectl(name) + "wait --for=condition=Ready pod/web --timeout=120s").good();
    }

    down(GONE);
    assertThat(traces()).noneMatch(line -> line.contains(GONE)).anyMatch(l -> l.contains(STAYS));
    assertThat(shell.run("./fairway status --name " + STAYS).good()).doesNotContain("not running");
    shell.until(
        kubectl(STAYS) + "exec web -- timeout 3 wget -qO- http://web/cgi-bin/index.cgi",
        answer -> answer.startsWith("web"));

    killAll(STAYS);
    down(STAYS);
    nothingIsLeft();
    assertThat(shell.run("./fairway down --name " + STAYS).good()).contains("there is no cluster");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "/var/lib/fairway/gone/cluster.properties",
        "/run/fairway/gone/controller-0/fairway.pid",
        "/run/fairway/gone/worker-0/fairway.pid",
      })
  void downRemovesWhatAKilledUpHadMade(String sign) throws Exception {
    killUpWhenThereIs(Path.of(sign));
    down(GONE);
    nothingIsLeft();
  }

  @Test
  void upFinishesWhatAKilledUpBegan() throws Exception {
    killUpWhenThereIs(Path.of("/run/fairway/gone/worker-0/containerd.pid"));
    assertThat(shell.run("./fairway up --name " + GONE).good()).contains("cluster gone is ready");
    assertThat(shell.run("./fairway up --name " + GONE).good()).contains("cluster gone is running");
    down(GONE);
    nothingIsLeft();
  }

  @Test
  void oneUpAtATime() throws Exception {
    Process first = startUp();
    try {
      awaitFile(Path.of("/run/fairway/gone/controller-0/fairway.pid"), first);
      for (String command : new String[] {"up", "down"}) {
        assertThat(shell.run("./fairway " + command + " --name " + GONE).bad())
            .contains("another ./fairway up or down works on cluster gone right now");
      }
    } finally {
      first.destroyForcibly().waitFor();
    }
    down(GONE);
    nothingIsLeft();
  }

  @Test
  void anUpThatIsRefusedLeavesNothing() {
    shell.run("ip link add fwother type bridge && ip link set fwother up").good();
    try {
      shell.run("ip route add 10.240.0.0/16 dev fwother").good();
      assertThat(shell.run("./fairway up --name " + GONE).bad())
          .contains("overlaps this host's route to 10.240.0.0/16; remove that route");
    } finally {
      shell.run("ip link delete fwother").good();
    }
    nothingIsLeft();
  }

  private static String kubectl(String cluster) {
    return "FAIRWAY_CLUSTER=" + cluster + " ./fairway kubectl ";
  }

  private void killUpWhenThereIs(Path sign) throws Exception {
    Process up = startUp();
    try {
      awaitFile(sign, up);
    } finally {
      up.destroyForcibly().waitFor();
    }
  }

  private static Process startUp() throws IOException {
    // `fairway` becomes the JVM, so that the process started here is the one to kill.
    return new ProcessBuilder("./fairway", "up", "--workers", "1", "--name", GONE)
        .directory(Repository.root().toFile())
        .redirectErrorStream(true)
        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
        .start();
  }

  private static void awaitFile(Path file, Process up) {
    long deadline = System.nanoTime() + Duration.ofMinutes(2).toNanos();
    while (!Files.exists(file)) {
      assertThat(up.isAlive()).as("up goes on until there is %s", file).isTrue();
      assertThat(System.nanoTime()).as("waiting for %s", file).isLessThan(deadline);
      LockSupport.parkNanos(1_000_000);
    }
  }

  private static void killAll(String cluster) {
    Cgroups cgroups = Cgroups.find();
    for (var pids = cgroups.pids("fairway-" + cluster);
        !pids.isEmpty();
        pids = cgroups.pids("fairway-" + cluster)) {
      pids.forEach(pid -> ProcessHandle.of(pid).ifPresent(ProcessHandle::destroyForcibly));
      LockSupport.parkNanos(1_000_000);
    }
  }
}
