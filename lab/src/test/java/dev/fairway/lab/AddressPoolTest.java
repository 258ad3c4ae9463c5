// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fairway.lab.bench.LocalApi;
import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import dev.fairway.podnet.ipam.AddressBook;
import dev.fairway.podnet.ipam.Allocation;
import dev.fairway.podnet.ipam.NoAddress;
import dev.fairway.podnet.pools.AddressBlock;
import dev.fairway.podnet.pools.AddressObjects;
import dev.fairway.podnet.pools.AddressPool;
import dev.fairway.podnet.pools.Patience;
import dev.fairway.podnet.pools.PoolAddresses;
import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.NodeBuilder;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.api.model.ServiceAccountBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Nodes that share pools through a real API server, each with the rights of a node.
class AddressPoolTest {
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  /// One node's agent as far as addresses go.
  private final class Agent implements AutoCloseable {
    final String name;
    final KubernetesClient client;
    final AddressBook book;
    final PoolAddresses addresses;

    Agent(String name, Patience patience) throws IOException {
      this.name = name;
      client = api.node(name);
      book = AddressBook.open(directory.resolve(name).resolve("book"));
      addresses = PoolAddresses.of(client, name, book, () -> {}, patience);
    }

    Agent begin() {
      tellNodes();
      book.ranges(List.of(Prefix.parse("10.200." + name.charAt(1) + ".0/24")));
      addresses.begin();
      await(addresses::known, "the pools of " + name);
      return this;
    }

    void tellNodes() {
      addresses.nodes(admin.nodes().list().getItems());
    }

    IpAddress give(String pod) throws Exception {
      return giveAll(pod).getFirst();
    }

    List<IpAddress> giveAll(String pod) throws Exception {
      String full = pod.indexOf('/') < 0 ? "default/" + pod : pod;
      return addresses.allocate(owner(full)).addresses();
    }

    /// No UID: a pod need not exist to be given an address.
    private Allocation.Owner owner(String pod) {
      return new Allocation.Owner("sandbox-" + pod.replace('/', '-'), "eth0", "", pod);
    }

    void release(String pod) throws IOException {
      book.release("sandbox-default-" + pod, "eth0");
      addresses.released();
    }

    @Override
    public void close() {
      addresses.close();
      try {
        book.close();
      } catch (IOException e) {
        throw new IllegalStateException(e);
      }
      client.close();
    }
  }

  @TempDir Path directory;
  private LocalApi api;
  private KubernetesClient admin;
  private final List<Agent> agents = new ArrayList<>();

  @BeforeEach
  void start() throws IOException {
    api = new LocalApi(directory);
    admin = api.admin();
    // No controllers run here; pods need it.
    admin
        .resource(
            new ServiceAccountBuilder()
                .withNewMetadata()
                .withNamespace("default")
                .withName("default")
                .endMetadata()
                .build())
        .create();
  }

  @AfterEach
  void stop() {
    agents.forEach(Agent::close);
    admin.close();
    api.close();
  }

  @Test
  void withoutKindsANodeUsesItsOwnRange() throws Exception {
    assertThat(agent("w1").give("web")).hasToString("10.200.1.2");
  }

  @Test
  void nodesClaimBlocksAndGiveAddressesOfThem() throws Exception {
    AddressObjects.install(admin);
    AddressObjects.install(admin); // and again, as after an update
    pool("all", "cidr: 10.201.0.0/28, blockSize: 30");
    Agent w1 = agent("w1");
    Agent w2 = agent("w2");
    Set<IpAddress> given = new HashSet<>();
    for (int i = 0; i < 6; i++) {
      assertThat(given.add(w1.give("a" + i))).isTrue();
      assertThat(given.add(w2.give("b" + i))).isTrue();
    }
    assertThat(given).allMatch(Prefix.parse("10.201.0.0/28")::contains);
    assertThat(blocks()).hasSize(4);
    await(() -> w2.addresses.ranges().blocks("w1").size() == 2, "w2 to know of w1's blocks");
    assertThatThrownBy(() -> w1.give("one-too-many"))
        .isInstanceOfSatisfying(
            NoAddress.class, e -> assertThat(e.reason()).isEqualTo(NoAddress.Reason.EXHAUSTED))
        .hasMessageContaining("AddressPool all 10.201.0.0/28");
    assertThat(w1.addresses.problems()).anyMatch(p -> p.contains("AddressPool all 10.201.0.0/28"));
    assertThat(w1.book.contents().ranges())
        .filteredOn(use -> use.range().length() == 30)
        .hasSize(2)
        .allMatch(use -> use.used() == 3 && use.capacity() == 3);
    w1.release("a0");
    assertThat(given).contains(w1.give("again"));
    assertThat(w1.addresses.problems()).isEmpty();
  }

  @Test
  void poolsAreChosenByNamespaceByNodeAndByThePod() throws Exception {
    AddressObjects.install(admin);
    admin
        .resource(
            new NamespaceBuilder()
                .withNewMetadata()
                .withName("shop")
                .withLabels(Map.of("team", "shop"))
                .endMetadata()
                .build())
        .create();
    pool("shop", "cidr: 10.201.0.0/24, namespaceSelector: {matchLabels: {team: shop}}");
    pool(
        "west",
        "cidr: 10.202.0.0/24, nodeSelector: {matchExpressions: [{key: west, operator: Exists}]}");
    pool("named", "cidr: 10.203.0.0/24, nodeSelector: {matchLabels: {nobody: is}}");
    pool("six", "cidr: 'fd00:201::/64'");
    node("w1", Map.of());
    node("w2", Map.of("west", ""));
    Agent w1 = agent("w1");
    Agent w2 = agent("w2");
    assertThat(w1.give("plain")).matches(Prefix.parse("10.200.1.0/24")::contains);
    assertThat(w1.giveAll("plain").getLast()).matches(Prefix.parse("fd00:201::/64")::contains);
    assertThat(w1.give("shop/cart")).matches(Prefix.parse("10.201.0.0/24")::contains);
    assertThat(w2.give("plain")).matches(Prefix.parse("10.202.0.0/24")::contains);
    assertThat(w2.give("shop/cart")).matches(Prefix.parse("10.201.0.0/24")::contains);
    pod("choosy", Map.of("podnet.fairway.dev/pools", "[\"named\"]"));
    assertThatThrownBy(() -> w1.give("choosy")).hasMessageContaining("spec.nodeSelector");
    assertEvent("choosy", "AddressNotAllowed");
    pod("typo", Map.of("podnet.fairway.dev/pools", "nonsense"));
    assertThatThrownBy(() -> w1.give("typo")).hasMessageContaining("must be a JSON list");
    assertEvent("typo", "AddressAnnotationInvalid");
  }

  @Test
  void aFixedAddressIsOnePodsAtATimeOnAnyNode() throws Exception {
    AddressObjects.install(admin);
    pool("all", "cidr: 10.201.0.0/24, reserved: [10.201.0.8/29]");
    Agent w1 = agent("w1");
    Agent w2 = agent("w2");
    for (String name : List.of("first", "second")) {
      pod(name, Map.of("podnet.fairway.dev/addresses", "[\"10.201.0.9\"]"));
    }
    assertThat(w1.give("first")).hasToString("10.201.0.9");
    assertThatThrownBy(() -> w1.give("second")).hasMessageContaining("pod default/first");
    assertThatThrownBy(() -> w2.give("second")).hasMessageContaining("in use on node w1");
    assertEvent("second", "AddressInUse");
    for (int i = 0; i < 60; i++) {
      assertThat(w1.give("a" + i)).matches(a -> !Prefix.parse("10.201.0.8/29").contains(a));
    }
    w1.release("first");
    await(() -> succeeds(() -> w2.give("second")), "the address to move to w2");
    assertThat(w2.give("second")).hasToString("10.201.0.9");
    await(
        () -> w1.addresses.ranges().singles("w2").equals(List.of(IpAddress.parse("10.201.0.9"))),
        "w1 to send it to w2");
    pod("outside", Map.of("podnet.fairway.dev/addresses", "[\"192.0.2.1\"]"));
    assertThatThrownBy(() -> w1.give("outside")).hasMessageContaining("in no usable AddressPool");
  }

  @Test
  void aFullNodeBorrowsWhereThatIsAllowed() throws Exception {
    AddressObjects.install(admin);
    pool("small", "cidr: 10.201.0.0/26, borrowing: Allowed");
    Agent w1 = agent("w1");
    Agent w2 = agent("w2");
    Set<IpAddress> given = new HashSet<>();
    given.add(w1.give("a"));
    for (int i = 0; i < 10; i++) {
      assertThat(given.add(w2.give("b" + i))).isTrue();
    }
    assertThat(w2.addresses.ranges().singles("w2")).hasSize(10);
    for (int i = 0; i < 52; i++) {
      assertThat(given.add(w1.give("a" + i))).as("a%s", i).isTrue();
    }
    assertThatThrownBy(() -> w1.give("full")).hasMessageContaining("claimed and full");
    w2.release("b3");
    await(() -> succeeds(() -> w1.give("full")), "w1 to get the address that w2 gave back");
  }

  @Test
  void whatIsNotNeededGoesBack() throws Exception {
    AddressObjects.install(admin);
    pool("all", "cidr: 10.201.0.0/28, blockSize: 30");
    Patience none = new Patience(Duration.ZERO, Duration.ZERO, Duration.ZERO);
    Agent w1 = agent("w1", none);
    Agent w2 = agent("w2", none);
    for (int i = 0; i < 12; i++) {
      w1.give("a" + i);
    }
    assertThat(blocks()).hasSize(4);
    for (int i = 0; i < 12; i++) {
      w1.release("a" + i);
    }
    w1.addresses.upkeep();
    assertThat(blocks()).as("the last of a pool stays").hasSize(1);
    w1.give("b");
    admin.nodes().withName("w1").delete();
    w2.tellNodes();
    w2.addresses.upkeep();
    assertThat(blocks()).as("of a node that is gone").isEmpty();
    node("w1", Map.of());
    w1.tellNodes();
    w2.tellNodes();
    await(() -> w1.addresses.ranges().blocks().isEmpty(), "w1 to see that its block went");
    w1.addresses.upkeep();
    assertThat(blocks()).as("its pod lives on").hasSize(1);
  }

  /// What was learned only by a lost write counts, too: the watch may be late by a lot.
  @Test
  void aBlockThatWentIsNotAskedForAgain() throws Exception {
    AddressObjects.install(admin);
    pool("small", "cidr: 10.201.0.0/26, borrowing: Allowed");
    Agent w1 = agent("w1");
    for (int i = 0; i < 15; i++) {
      w1.give("a" + i);
    }
    admin.resources(AddressBlock.class).delete();
    assertThat(w1.give("more")).matches(Prefix.parse("10.201.0.0/26")::contains);
  }

  @Test
  void aBlockThatComesBackLendsNothingThatAPodHas() throws Exception {
    AddressObjects.install(admin);
    pool("small", "cidr: 10.201.0.0/26, borrowing: Allowed");
    Agent w1 = agent("w1");
    Set<IpAddress> given = new HashSet<>();
    for (int i = 0; i < 60; i++) {
      given.add(w1.give("a" + i));
    }
    admin.resources(AddressBlock.class).delete();
    await(() -> w1.addresses.ranges().blocks().isEmpty(), "w1 to see that its block went");
    w1.addresses.upkeep();
    Agent w2 = agent("w2");
    while (succeeds(() -> w2.give("b" + given.size()))) {
      assertThat(given.add(w2.give("b" + given.size()))).as("an address of its own").isTrue();
      assertThat(given).hasSizeLessThan(64);
    }
    assertThat(given).hasSizeGreaterThan(60);
  }

  @Test
  void blocksOfAnotherSizeAreUsedOrSaid() throws Exception {
    AddressObjects.install(admin);
    pool("all", "cidr: 10.201.0.0/28, blockSize: 28");
    Agent w1 = agent("w1");
    w1.give("first");
    admin.resources(AddressPool.class).withName("all").delete();
    pool("all", "cidr: 10.201.0.0/26, blockSize: 26");
    Agent w2 = agent("w2");
    await(() -> !w2.addresses.poolRanges().isEmpty(), "w2 to see the new pool");
    pod("near", Map.of("podnet.fairway.dev/addresses", "[\"10.201.0.33\"]"));
    assertThatThrownBy(() -> w2.give("near"))
        .hasMessageContaining("is not in AddressBlock 10-201-0-0-28")
        .hasMessageContaining("spec.blockSize of AddressPool all was changed");
    assertThat(blocks()).hasSize(1);
    pod("inside", Map.of("podnet.fairway.dev/addresses", "[\"10.201.0.9\"]"));
    await(() -> succeeds(() -> w1.give("inside")), "an address of the old block");
  }

  @Test
  void aPodThatNamesAPoolWithAFaultIsToldSo() throws Exception {
    AddressObjects.install(admin);
    pool("odd", "cidr: 10.202.0.1/24");
    Agent w1 = agent("w1");
    pod("choosy", Map.of("podnet.fairway.dev/pools", "[\"odd\"]"));
    assertThatThrownBy(() -> w1.give("choosy"))
        .hasMessageContaining("there is no usable AddressPool odd");
    assertThat(w1.give("plain")).hasToString("10.200.1.2");
  }

  @Test
  void manyAtOnceNeverGetTheSameBlock() throws Exception {
    AddressObjects.install(admin);
    pool("all", "cidr: 10.201.0.0/27, blockSize: 29");
    List<Agent> all = new ArrayList<>();
    for (int i = 1; i <= 4; i++) {
      all.add(agent("w" + i));
    }
    List<Future<IpAddress>> given = new ArrayList<>();
    try (ExecutorService each = Executors.newVirtualThreadPerTaskExecutor()) {
      for (int i = 0; i < 7; i++) {
        for (Agent agent : all) {
          String pod = agent.name + "-" + i;
          given.add(each.submit(() -> agent.give(pod)));
        }
      }
    }
    Set<IpAddress> different = new HashSet<>();
    for (Future<IpAddress> address : given) {
      different.add(address.get());
    }
    assertThat(different).hasSize(28);
    assertThat(blocks()).hasSize(4);
  }

  @Test
  void aRestartFindsItsBlocksAndAddresses() throws Exception {
    AddressObjects.install(admin);
    pool("all", "cidr: 10.201.0.0/24");
    IpAddress first = agent("w1").give("a");
    agents.removeFirst().close();
    Agent again = agent("w1");
    assertThat(again.give("a")).isEqualTo(first);
    assertThat(again.give("b"))
        .isNotEqualTo(first)
        .matches(Prefix.parse("10.201.0.0/24")::contains);
    assertThat(blocks()).hasSize(1);
  }

  @Test
  void poolsThatOverlapAreSaidAndNotUsed() throws Exception {
    AddressObjects.install(admin);
    pool("good", "cidr: 10.201.0.0/24, nodeSelector: {matchLabels: {nobody: is}}");
    pool("clash", "cidr: 10.200.0.0/16");
    pool("odd", "cidr: 10.202.0.1/24");
    Agent w1 = agent("w1");
    assertThat(w1.give("a")).hasToString("10.200.1.2");
    assertThat(w1.addresses.problems())
        .anyMatch(p -> p.contains("AddressPool clash: spec.cidr overlaps spec.podCIDRs of node w1"))
        .anyMatch(p -> p.contains("AddressPool odd: spec.cidr: 10.202.0.1/24 begins inside"));
  }

  private Agent agent(String name) throws IOException {
    return agent(name, Patience.USUAL);
  }

  private Agent agent(String name, Patience patience) throws IOException {
    if (admin.nodes().withName(name).get() == null) {
      node(name, Map.of());
    }
    Agent agent = new Agent(name, patience);
    agents.add(agent);
    return agent.begin();
  }

  private void node(String name, Map<String, String> labels) {
    Node node =
        new NodeBuilder()
            .withNewMetadata()
            .withName(name)
            .withLabels(labels)
            .endMetadata()
            .withNewSpec()
            .withPodCIDRs("10.200." + name.charAt(1) + ".0/24")
            .endSpec()
            .build();
    admin.resource(node).create();
  }

  private void pool(String name, String spec) {
    admin
        .load(
            new ByteArrayInputStream(
                """
                apiVersion: podnet.fairway.dev/v1alpha1
                kind: AddressPool
                metadata: {name: %s}
                spec: {%s}
                """
                    .formatted(name, spec)
                    .getBytes(StandardCharsets.UTF_8)))
        .create();
    assertThat(admin.resources(AddressPool.class).withName(name).get()).isNotNull();
  }

  private void pod(String name, Map<String, String> annotations) {
    admin
        .resource(
            new PodBuilder()
                .withNewMetadata()
                .withNamespace("default")
                .withName(name)
                .withAnnotations(annotations)
                .endMetadata()
                .withNewSpec()
                .addNewContainer()
                .withName("main")
                .withImage("none")
                .endContainer()
                .endSpec()
                .build())
        .create();
  }

  private List<AddressBlock> blocks() {
    return admin.resources(AddressBlock.class).list().getItems();
  }

  private void assertEvent(String pod, String reason) {
    await(
        () ->
            admin.v1().events().inNamespace("default").list().getItems().stream()
                .anyMatch(event ->
                    event.getInvolvedObject().getName().equals(pod)
                        && event.getReason().equals(reason)),
        "an event " + reason);
  }

  private static boolean succeeds(Callable<IpAddress> call) {
    try {
      call.call();
      return true;
    } catch (NoAddress e) {
      return false;
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  private static void await(BooleanSupplier condition, String what) {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (!condition.getAsBoolean()) {
      assertThat(System.nanoTime()).as("waiting for %s", what).isLessThan(deadline);
      LockSupport.parkNanos(10_000_000);
    }
  }
}
