// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.linux.Link;
import dev.fairway.linux.LinkSpec;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.RouteNetlink;
import dev.fairway.linux.RouteRequest;
import dev.fairway.net.IpAddress;
import dev.fairway.net.PodGate;
import dev.fairway.podnet.attach.Wire;
import dev.fairway.podnet.settings.BackendKind;
import dev.fairway.podnet.status.NodeStatus;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// One node's ADD, DEL and CHECK when things do not go well.
final class AttachmentTest {
  @TempDir Path directory;

  private TestMachines machines;
  private TestNode node;
  private volatile String failing = "";

  @BeforeEach
  void start() throws Exception {
    machines = new TestMachines(1500);
    node = new TestNode(machines, directory, BackendKind.ROUTES, 0, this::maybeFail);
    PodNetworkTest.settle(node);
  }

  @AfterEach
  void stop() throws Exception {
    node.close();
    machines.close();
  }

  private void maybeFail(String step) {
    if (step.equals(failing)) {
      throw new IllegalStateException("told to fail before: " + step);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"take an address", "make the link", "route to it", "answer"})
  void whateverStepFailsEverythingBeforeIsUndone(String step) throws Exception {
    Path sandbox = machines.sandbox("a");
    failing = step;
    TestNode.Outcome failed = node.add("a", sandbox);
    assertThat(failed.exitCode()).isEqualTo(1);
    assertThat(failed.errorCode()).isEqualTo(100);
    assertThat(failed.stdout()).contains(step);
    assertThat(wires()).isEmpty();
    assertThat(links(sandbox)).containsExactly("lo");
    failing = "";
    assertThat(node.add("a", sandbox).exitCode()).isZero();
  }

  @Test
  void anAddAskedTwiceGivesTheSame() throws Exception {
    Path sandbox = machines.sandbox("a");
    TestNode.Outcome first = node.add("a", sandbox);
    assertThat(node.add("a", sandbox)).isEqualTo(first);
    assertThat(wires()).hasSize(1);
    // Half of it is gone: the same address on a new wire.
    inside(sandbox, RouteRequest.DeleteLink.of("eth0"));
    assertThat(node.add("a", sandbox)).isEqualTo(first);
    assertThat(node.check("a", sandbox, first).exitCode()).isZero();
  }

  @Test
  void anAddForAnotherSandboxIsRefusedAndTheFirstStays() throws Exception {
    Path sandbox = machines.sandbox("a");
    TestNode.Outcome first = node.add("a", sandbox);
    Path own =
        Path.of("/proc/" + ProcessHandle.current().pid() + "/fd/" + node.machine.fd().number());
    for (Path wrong : List.of(machines.sandbox("wrong"), own)) {
      TestNode.Outcome refused = node.add("a", wrong);
      assertThat(refused.errorCode()).as(refused.stdout()).isEqualTo(4);
      assertThat(refused.stdout()).contains("CNI_NETNS");
      assertThat(node.check("a", sandbox, first).exitCode()).isZero();
    }
    assertThat(node.add("b", machines.sandbox("b")).address()).isNotEqualTo(first.address());
    // When the first is gone, its name is free for another.
    machines.removeSandbox(sandbox);
    await(() -> wires().size() == 1);
    assertThat(node.add("a", machines.sandbox("next")).exitCode()).isZero();
  }

  @Test
  void aPodWithoutIpv6HasNoAddressOfItThatIsNotLoopback() throws Exception {
    Path sandbox = machines.sandbox("a");
    TestNode.Outcome added = node.add("a", sandbox);
    try (NetworkNamespace pod = NetworkNamespace.open(sandbox);
        RouteNetlink inside = RouteNetlink.open(pod);
        RouteNetlink host = RouteNetlink.open(node.machine)) {
      await(() -> inside.link("eth0").orElseThrow().running());
      assertThat(inside.addresses())
          .extracting(address -> address.address().toString())
          .containsExactlyInAnyOrder("127.0.0.1", "::1", added.address().toString());
      int end = host.link(wires().iterator().next()).orElseThrow().index();
      assertThat(host.addresses()).noneMatch(address -> address.link() == end);
    }
  }

  @Test
  void aForeignLinkInTheWayStaysAndIsNamed() throws Exception {
    Path sandbox = machines.sandbox("a");
    inside(sandbox, new RouteRequest.AddVeth(LinkSpec.named("eth0"), LinkSpec.named("other")));
    TestNode.Outcome failed = node.add("a", sandbox);
    assertThat(failed.errorCode()).isEqualTo(100);
    assertThat(failed.stdout()).contains("EEXIST");
    assertThat(links(sandbox)).contains("eth0", "other");
    assertThat(wires()).isEmpty();
  }

  /// A pod may be using it.
  @Test
  void anAddAskedAgainThatFailsKeepsTheAddressOfTheFirst() throws Exception {
    Path sandbox = machines.sandbox("a");
    node.add("a", sandbox);
    List<List<String>> before = podAddresses();
    assertThat(before).hasSize(1);
    inside(sandbox, RouteRequest.ChangeLink.of("eth0").setDown());
    failing = "make the link";
    assertThat(node.add("a", sandbox).exitCode()).isEqualTo(1);
    assertThat(podAddresses()).isEqualTo(before);
  }

  private List<List<String>> podAddresses() throws Exception {
    return node.agent.status().pods().stream().map(NodeStatus.Pod::addresses).toList();
  }

  @Test
  void checkSeesWhatWasLost() throws Exception {
    Path sandbox = machines.sandbox("a");
    TestNode.Outcome added = node.add("a", sandbox);
    assertThat(node.check("a", sandbox, added).exitCode()).isZero();
    inside(sandbox, RouteRequest.ChangeLink.of("eth0").setDown());
    assertThat(node.check("a", sandbox, added).stdout()).contains("is down");
    inside(sandbox, RouteRequest.ChangeLink.of("eth0").setUp());
    assertThat(node.check("a", sandbox, added).stdout()).contains("lost its routes");
    inside(sandbox, RouteRequest.DeleteLink.of("eth0"));
    TestNode.Outcome gone = node.check("a", sandbox, added);
    assertThat(gone.exitCode()).isEqualTo(1);
    assertThat(gone.errorCode()).isEqualTo(102);
    assertThat(gone.stdout()).contains("is gone");
  }

  @Test
  void aDeletedLinkMakesRoomForTheNextInTheSameSandbox() throws Exception {
    Path sandbox = machines.sandbox("a");
    for (int i = 0; i < 5; i++) {
      assertThat(node.add("id" + i, sandbox).exitCode()).isZero();
      assertThat(node.del("id" + i, sandbox).exitCode()).isZero();
    }
    awaitLinks(sandbox, "lo");
  }

  @Test
  void aPodKeepsItsAddressAcrossSandboxesAndAgents() throws Exception {
    Path first = machines.sandbox("first");
    Path second = machines.sandbox("second");
    Path other = machines.sandbox("other");
    IpAddress address = node.add("web.1", first).address();
    node.add("other.1", other);
    node.del("web.1", first);
    node.agent.close();
    node.start(BackendKind.ROUTES, step -> {});
    PodNetworkTest.settle(node);
    assertThat(node.add("web.2", second).address()).isEqualTo(address);
    Path third = machines.sandbox("third");
    assertThat(node.add("next.1", third).address()).hasToString("10.200.0.4");
  }

  /// Writes down who came and went.
  private static final class Watchman implements PodGate {
    final List<String> seen = new CopyOnWriteArrayList<>();
    volatile boolean open = true;

    @Override
    public boolean admit(String namespace, String name, String uid, List<IpAddress> addresses) {
      seen.add("admit " + namespace + "/" + name + " " + uid + " " + addresses);
      return open;
    }

    @Override
    public void connected(String namespace, String name, String uid, List<IpAddress> addresses) {
      seen.add("connected " + namespace + "/" + name + " " + uid + " " + addresses);
    }

    @Override
    public void leave(String namespace, String name, List<IpAddress> addresses) {
      seen.add("leave " + namespace + "/" + name + " " + addresses);
    }
  }

  @Test
  void theGateHearsOfAllWhoAreThereAndWhoLeave() throws Exception {
    Path sandbox = machines.sandbox("a");
    TestNode.Outcome added = node.add("a", sandbox);
    String addresses = "[" + added.address() + "]";
    node.agent.close();
    Watchman gate = new Watchman();
    node.gate = gate;
    node.start(BackendKind.ROUTES, this::maybeFail);
    PodNetworkTest.settle(node);
    assertThat(gate.seen).containsExactly("connected default/p-a uid-a " + addresses);
    // Asked again after its answer was lost.
    assertThat(node.add("a", sandbox)).isEqualTo(added);
    assertThat(gate.seen).last().isEqualTo("admit default/p-a uid-a " + addresses);
    gate.open = false;
    assertThat(node.add("a", sandbox).errorCode()).isEqualTo(11);
    gate.open = true;
    assertThat(node.del("a", sandbox).exitCode()).isZero();
    assertThat(gate.seen).last().isEqualTo("leave default/p-a " + addresses);
    // What failed has left, too.
    failing = "make the link";
    assertThat(node.add("b", machines.sandbox("b")).exitCode()).isEqualTo(1);
    assertThat(gate.seen).last().asString().startsWith("leave default/p-b [");
  }

  @Test
  void sandboxesThatEndedWithoutDelAreCollected() throws Exception {
    Path sandbox = machines.sandbox("a");
    Path kept = machines.sandbox("b");
    node.add("a", sandbox);
    TestNode.Outcome atB = node.add("b", kept);
    node.agent.close();
    // The agent is down: DEL succeeds all the same, ADD says why not.
    assertThat(node.del("a", sandbox)).isEqualTo(new TestNode.Outcome(0, ""));
    TestNode.Outcome down = node.add("c", machines.sandbox("c"));
    assertThat(down.errorCode()).isEqualTo(11);
    assertThat(down.stdout()).contains(node.socket().toString()).contains("fairway node");
    machines.removeSandbox(sandbox);
    await(() -> !wires().contains(Wire.hostName("a", "eth0")));
    node.start(BackendKind.ROUTES, step -> {});
    PodNetworkTest.settle(node);
    assertThat(Files.readString(directory.resolve("worker-0/state/pod-addresses")))
        .contains("released a eth0");
    assertThat(node.check("b", kept, atB).exitCode()).isZero();
    // An agent that lost its book still does not give a living pod's address away.
    node.agent.close();
    Files.delete(directory.resolve("worker-0/state/pod-addresses"));
    node.start(BackendKind.ROUTES, step -> {});
    PodNetworkTest.settle(node);
    Set<IpAddress> seen = new HashSet<>();
    for (int i = 0; i < 3; i++) {
      seen.add(node.add("n" + i, machines.sandbox("n" + i)).address());
    }
    assertThat(seen).hasSize(3).doesNotContain(atB.address());
  }

  @Test
  void manyAtOnceAllGetTheirOwn() throws Exception {
    int count = 30;
    List<Path> sandboxes = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      sandboxes.add(machines.sandbox("s" + i));
    }
    Set<IpAddress> addresses = new HashSet<>();
    try (ExecutorService threads = Executors.newFixedThreadPool(10)) {
      List<Future<TestNode.Outcome>> added = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        String id = "s" + i;
        Path sandbox = sandboxes.get(i);
        added.add(threads.submit(() -> node.add(id, sandbox)));
      }
      for (Future<TestNode.Outcome> outcome : added) {
        addresses.add(outcome.get().address());
      }
      List<Future<TestNode.Outcome>> deleted = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        String id = "s" + i;
        Path sandbox = sandboxes.get(i);
        deleted.add(threads.submit(() -> node.del(id, sandbox)));
      }
      for (Future<TestNode.Outcome> outcome : deleted) {
        assertThat(outcome.get().exitCode()).isZero();
      }
    }
    assertThat(addresses).hasSize(count);
    await(() -> wires().isEmpty());
    for (Path sandbox : sandboxes) {
      awaitLinks(sandbox, "lo");
    }
  }

  @Test
  void theMachinesOwnNamespaceAndNoNamespaceAreRefused() throws Exception {
    int descriptor = node.machine.fd().number();
    Path own = Path.of("/proc/" + ProcessHandle.current().pid() + "/fd/" + descriptor);
    TestNode.Outcome refused = node.add("a", own);
    assertThat(refused.errorCode()).isEqualTo(4);
    assertThat(refused.stdout()).contains("the machine's own");
    TestNode.Outcome none = node.add("a", directory.resolve("nothing"));
    assertThat(none.errorCode()).isEqualTo(4);
    Path file = Files.createFile(directory.resolve("file"));
    assertThat(node.add("a", file).errorCode()).isEqualTo(4);
    assertThat(wires()).isEmpty();
  }

  private Set<String> wires() {
    return wires(node);
  }

  /// The node's ends of wires, those that are on their way out included.
  static Set<String> wires(TestNode node) {
    Set<String> names = new HashSet<>();
    try (RouteNetlink netlink = RouteNetlink.open(node.machine)) {
      for (Link link : netlink.links()) {
        if (Wire.isHostName(link.name())) {
          names.add(link.name());
        }
      }
    }
    return names;
  }

  static void awaitNoWires(TestNode node) throws Exception {
    await(() -> wires(node).isEmpty());
  }

  private static List<String> links(Path sandbox) {
    try (NetworkNamespace inside = NetworkNamespace.open(sandbox);
        RouteNetlink netlink = RouteNetlink.open(inside)) {
      return netlink.links().stream().map(Link::name).toList();
    }
  }

  private static void awaitLinks(Path sandbox, String... names) throws Exception {
    await(() -> links(sandbox).equals(List.of(names)));
  }

  private static void inside(Path sandbox, RouteRequest request) {
    try (NetworkNamespace namespace = NetworkNamespace.open(sandbox);
        RouteNetlink netlink = RouteNetlink.open(namespace)) {
      netlink.apply(request);
    }
  }

  static void await(Callable<Boolean> condition) throws Exception {
    long deadline = System.nanoTime() + Duration.ofSeconds(30).toNanos();
    while (!condition.call()) {
      assertThat(System.nanoTime()).as("still not after 30 s").isLessThan(deadline);
      Thread.onSpinWait();
    }
  }
}
