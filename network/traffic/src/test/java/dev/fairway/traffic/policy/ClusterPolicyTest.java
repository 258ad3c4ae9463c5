// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.policy;

import static dev.fairway.traffic.policy.Objects.clusterPolicy;
import static dev.fairway.traffic.policy.Objects.namespace;
import static dev.fairway.traffic.policy.Objects.node;
import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Protocol;
import io.fabric8.kubernetes.api.model.Namespace;
import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.api.model.PodBuilder;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketTimeoutException;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// Cluster policies on live connections, and as what they mean comes and goes.
class ClusterPolicyTest {
  private static final Duration PATIENCE = Duration.ofMinutes(1);
  private static final String OF_X = "tier: Admin\npriority: 5\nsubject: {namespaces: {}}\n";
  private static final String DENY_C =
      OF_X
          + "ingress: [{action: Deny, from: [{pods: {namespaceSelector: {}, podSelector:"
          + " {matchLabels: {pod: c}}}}]}]";

  private final PolicyLab lab = new PolicyLab();
  private final PolicyDatapath datapath =
      PolicyDatapath.open(new PolicyConfig(PolicyLab.NODE, List.of()), lab.node);

  ClusterPolicyTest() {
    lab.add("x", "a");
    lab.add("x", "c");
  }

  @AfterEach
  void close() {
    datapath.close();
    lab.close();
  }

  private void set(ClusterNetworkPolicy... policies) {
    datapath.set(List.of(namespace("x")), lab.pods.values(), List.of());
    datapath.setCluster(List.of(policies), List.of());
  }

  private boolean isAllowed(IpAddress from, IpAddress to) {
    return datapath.rules().decide(new Packet(from, to, Protocol.TCP, 80)).isEmpty();
  }

  private IpAddress address(String pod) {
    return lab.address(pod, IpFamily.IPV4);
  }

  @Test
  void anOpenConnectionIsCutAndCountedByThePolicysName() throws IOException {
    set();
    try (ServerSocketChannel listener = lab.sandbox("x/a").call(() -> ServerSocketChannel.open());
        SocketChannel client = lab.sandbox("x/c").call(() -> SocketChannel.open())) {
      listener.bind(new InetSocketAddress(7000));
      client.socket().connect(new InetSocketAddress(address("x/a").toInetAddress(), 7000), 30_000);
      try (SocketChannel server = listener.accept()) {
        client.socket().getOutputStream().write(1);
        server.socket().setSoTimeout(30_000);
        assertThat(server.socket().getInputStream().read()).isEqualTo(1);
        // The set grows, of whom a rule denies: no chain is another.
        set(clusterPolicy("no-c", DENY_C.replace("pod: c", "pod: d")));
        client.socket().getOutputStream().write(2);
        assertThat(server.socket().getInputStream().read()).isEqualTo(2);
        datapath.change(
            new PodBuilder(lab.pods.get("x/c"))
                .editMetadata()
                .addToLabels("pod", "d")
                .endMetadata()
                .build());
        client.socket().getOutputStream().write(3);
        server.socket().setSoTimeout(50);
        long start = System.nanoTime();
        while (datapath.dropped().values().stream().mapToLong(Long::longValue).sum() == 0) {
          try {
            assertThat(server.socket().getInputStream().read()).as("it came through").isNegative();
          } catch (SocketTimeoutException e) {
            assertThat(System.nanoTime() - start).isLessThan(PATIENCE.toNanos());
          }
        }
        assertThat(datapath.dropped()).containsKey("by/no-c");
      }
    }
  }

  @Test
  void nothingIsLoadedBeforeItIsKnownWhichThereAre() throws Exception {
    datapath.awaitCluster();
    datapath.set(List.of(namespace("x")), lab.pods.values(), List.of());
    assertThat(lab.inNode("nft", "list", "tables")).doesNotContain("fairway-policy");
    IpAddress late = IpAddress.parse("10.200.0.77");
    assertThat(datapath.admit("x", "late", "u", List.of(late))).isFalse();
    datapath.setCluster(List.of(clusterPolicy("no-c", DENY_C)), List.of());
    assertThat(lab.inNode("nft", "list", "counters", "table", "ip", "fairway-policy"))
        .contains("by/no-c");
    assertThat(isAllowed(address("x/c"), address("x/a"))).isFalse();
    // What is taken away leaves nothing.
    datapath.setCluster(List.of(), List.of());
    assertThat(lab.inNode("nft", "list", "table", "ip", "fairway-policy"))
        .doesNotContain("by/", "pods-", "10.200.");
  }

  @Test
  void nodesAreMeantByTheirAddressesAndLabels() {
    IpAddress one = IpAddress.parse("10.240.0.21");
    IpAddress two = IpAddress.parse("10.240.0.22");
    datapath.set(List.of(namespace("x")), lab.pods.values(), List.of());
    ClusterNetworkPolicy onlyOne =
        clusterPolicy(
            "nodes",
            OF_X
                + "egress: [{action: Accept, to: [{nodes: {matchLabels: {node: one}}}]},"
                + " {action: Deny, to: [{nodes: {}}]}]");
    datapath.setCluster(
        List.of(onlyOne),
        List.of(node("one", "10.240.0.21", "one.local"), node("two", "10.240.0.22")));
    assertThat(isAllowed(address("x/a"), one)).isTrue();
    assertThat(isAllowed(address("x/a"), two)).isFalse();
    assertThat(isAllowed(address("x/a"), IpAddress.parse("10.240.0.23"))).isTrue();
    datapath.setCluster(List.of(onlyOne), List.of(node("one", "10.240.0.23")));
    assertThat(isAllowed(address("x/a"), one)).as("nobody's any more").isTrue();
    assertThat(isAllowed(address("x/a"), two)).isTrue();
  }

  @Test
  void aNamespaceThatIsLabelledIsMeant() {
    Namespace labelled =
        new NamespaceBuilder(namespace("x"))
            .editMetadata()
            .addToLabels("closed", "yes")
            .endMetadata()
            .build();
    ClusterNetworkPolicy closed =
        clusterPolicy(
            "closed",
            "tier: Baseline\npriority: 0\nsubject: {namespaces: {matchLabels: {closed: yes}}}\n"
                    .replace("yes", "'yes'")
                + "ingress: [{action: Deny, from: [{namespaces: {}}]}]");
    set(closed);
    assertThat(isAllowed(address("x/c"), address("x/a"))).isTrue();
    datapath.set(List.of(labelled), lab.pods.values(), List.of());
    assertThat(isAllowed(address("x/c"), address("x/a"))).isFalse();
    datapath.setCluster(List.of(), List.of());
    assertThat(isAllowed(address("x/c"), address("x/a"))).isTrue();
  }
}
