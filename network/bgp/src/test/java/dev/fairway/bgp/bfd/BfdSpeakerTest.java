// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp.bfd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fairway.linux.KernelException;
import dev.fairway.linux.SocketSettings;
import dev.fairway.linux.UdpSocket;
import dev.fairway.net.IpAddress;
import dev.fairway.net.TransportAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Against itself, BIRD and FRR, over a real wire.
class BfdSpeakerTest {
  @TempDir Path dir;
  private final Wire wire = new Wire();
  private final BlockingQueue<BfdStatus> told = new LinkedBlockingQueue<>();
  private final BfdSpeaker speaker = BfdSpeaker.start(wire.left, told::add);

  @AfterEach
  void close() throws Exception {
    speaker.close();
    wire.close();
  }

  /// So slow that none is taken for dead that is only not its turn on a busy machine.
  private static BfdPeer peer(IpAddress address) {
    Duration interval = Duration.ofMillis(200);
    return BfdPeer.of(address).withTimes(new BfdTimes(interval, interval, 10));
  }

  private static boolean up(BfdSpeaker of, IpAddress peer) {
    return of.peers().stream()
        .anyMatch(status -> status.peer().equals(peer) && status.state() == BfdState.UP);
  }

  private void waitForUp(IpAddress... peers) throws Exception {
    for (IpAddress peer : peers) {
      Wire.waitFor("BFD with " + peer, () -> up(speaker, peer));
    }
    told.clear();
  }

  private BfdStatus nextTold() throws InterruptedException {
    BfdStatus status = told.poll(30, TimeUnit.SECONDS);
    assertThat(status).isNotNull();
    return status;
  }

  @Test
  void twoOfUsInBothFamilies() throws Exception {
    try (BfdSpeaker other = BfdSpeaker.start(wire.right, status -> {})) {
      speaker.set(List.of(peer(Wire.RIGHT).from(Wire.LEFT), peer(Wire.RIGHT6)));
      other.set(List.of(peer(Wire.LEFT), peer(Wire.LEFT6).from(Wire.RIGHT6)));
      waitForUp(Wire.RIGHT, Wire.RIGHT6);
      speaker.set(List.of(peer(Wire.RIGHT).from(Wire.LEFT)));
      assertThat(speaker.peers()).hasSize(1);
      assertThat(up(speaker, Wire.RIGHT)).isTrue();
      // Who says goodbye is not dead.
      other.close();
      BfdStatus gone = nextTold();
      assertThat(gone.peer()).isEqualTo(Wire.RIGHT);
      assertThat(gone.dead()).isFalse();
    }
  }

  @Test
  void acrossRouters() throws Exception {
    try (BfdSpeaker other = BfdSpeaker.start(wire.right, status -> {})) {
      speaker.set(List.of(peer(Wire.RIGHT).withHops(5)));
      other.set(List.of(peer(Wire.LEFT).withHops(5)));
      waitForUp(Wire.RIGHT);
    }
  }

  @Test
  void whatCameThroughARouterIsNotBelieved() throws Exception {
    speaker.set(List.of(peer(Wire.RIGHT)));
    TransportAddress port = new TransportAddress(Wire.LEFT, 3784);
    BfdMachine liar =
        new BfdMachine(
            7, BfdTimes.DEFAULT, new java.util.Random(1), System.nanoTime() - 1_000_000_000L);
    byte[] packet = liar.due(System.nanoTime()).orElseThrow().bytes();
    TransportAddress any = new TransportAddress(Wire.RIGHT, 0);
    try (UdpSocket far = UdpSocket.open(wire.right, SocketSettings.NONE.withTtl(254), any);
        UdpSocket near = UdpSocket.open(wire.right, SocketSettings.NONE.withTtl(255), any)) {
      for (int i = 0; i < 10; i++) {
        far.send(packet, port, 0);
      }
      near.send(new byte[] {1, 2, 3}, port, 0);
      assertThat(speaker.peers().getFirst().state()).isEqualTo(BfdState.DOWN);
      Wire.waitFor(
          "a packet from the same wire",
          () -> {
            near.send(packet, port, 0);
            return speaker.peers().getFirst().state() == BfdState.INIT;
          });
    }
  }

  @Test
  void anAddressThatIsNotOursIsRefused() {
    assertThatThrownBy(
            () -> speaker.set(List.of(peer(Wire.RIGHT).from(IpAddress.parse("192.0.2.9")))))
        .isInstanceOf(KernelException.class)
        .hasMessageContaining("192.0.2.9");
  }

  @Test
  void knowsOfBirdsDeath() throws Exception {
    Path config = dir.resolve("bird.conf");
    Files.writeString(
        config,
        """
        router id 192.0.2.2;
        protocol device {}
        protocol bfd {
          interface "eth0" { interval 200 ms; multiplier 10; };
          neighbor 192.0.2.1 dev "eth0";
          neighbor 2001:db8::1 dev "eth0";
        }
        """);
    String control = dir.resolve("bird.ctl").toString();
    Process bird =
        wire.startRight(
            dir.resolve("bird.log"), "bird", "-f", "-c", config.toString(), "-s", control);
    speaker.set(List.of(peer(Wire.RIGHT), peer(Wire.RIGHT6)));
    waitForUp(Wire.RIGHT, Wire.RIGHT6);
    Wire.waitFor(
        "BIRD's agreed times",
        () ->
            speaker.peers().stream().allMatch(peer -> peer.detection().toMillis() == 2000)
                && wire.runRight("birdc", "-s", control, "show", "bfd", "sessions")
                    .contains("2.000"));
    assertThat(told).isEmpty();
    Wire.kill(bird);
    BfdStatus dead = nextTold();
    assertThat(dead.dead()).isTrue();
    assertThat(dead.diagnostic()).isEqualTo(BfdDiagnostic.DETECTION_TIME_EXPIRED);
    assertThat(nextTold().dead()).isTrue();
  }

  @Test
  void knowsOfFrrsDeath() throws Exception {
    Files.setPosixFilePermissions(dir, PosixFilePermissions.fromString("rwxrwxrwx"));
    Files.writeString(dir.resolve("zebra.conf"), "");
    Files.writeString(
        dir.resolve("bfdd.conf"),
        """
        bfd
         peer 192.0.2.1 local-address 192.0.2.2 interface eth0
          detect-multiplier 10
          receive-interval 200
          transmit-interval 200
         exit
        exit
        """);
    startFrr("zebra");
    Wire.waitFor("zebra", () -> Files.exists(dir.resolve("zserv.api")));
    Process bfdd = startFrr("bfdd", "--bfdctl", dir.resolve("bfdd.sock").toString());
    speaker.set(List.of(peer(Wire.RIGHT)));
    waitForUp(Wire.RIGHT);
    Wire.waitFor(
        "FRR's agreed times", () -> speaker.peers().getFirst().detection().toMillis() == 2000);
    Wire.kill(bfdd);
    assertThat(nextTold().dead()).isTrue();
  }

  private Process startFrr(String daemon, String... more) throws Exception {
    List<String> command =
        new java.util.ArrayList<>(
            List.of(
                "/usr/lib/frr/" + daemon,
                "-u",
                "frr",
                "-g",
                "frr",
                "-f",
                dir.resolve(daemon + ".conf").toString(),
                "-i",
                dir.resolve(daemon + ".pid").toString(),
                "-z",
                dir.resolve("zserv.api").toString(),
                "--vty_socket",
                dir.toString(),
                "-P",
                "0"));
    command.addAll(List.of(more));
    return wire.startRight(dir.resolve(daemon + ".log"), command.toArray(String[]::new));
  }
}
