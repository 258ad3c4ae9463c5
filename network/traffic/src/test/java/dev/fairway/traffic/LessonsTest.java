// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic;

import static dev.fairway.traffic.rules.KubeObjects.port;
import static dev.fairway.traffic.rules.KubeObjects.ready;
import static dev.fairway.traffic.rules.KubeObjects.service;
import static dev.fairway.traffic.rules.KubeObjects.slice;
import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.Sysctls;
import dev.fairway.reconcile.ObjectKey;
import dev.fairway.traffic.rules.ServicesConfig.Datapath;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.ServiceBuilder;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketTimeoutException;
import java.net.StandardProtocolFamily;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

/// What others have learned the hard way, tried on every datapath.
@ParameterizedClass
@EnumSource
class LessonsTest {
  private static final String VIP = "10.32.0.5";

  @Parameter private Datapath datapath = Datapath.NFTABLES;

  private final NodeLab lab = new NodeLab();
  private final ClientGroup group = new ClientGroup();
  private final NetworkNamespace client = lab.pod("client", 4);
  private NodeServices services;

  LessonsTest() throws IOException {
    lab.pod("one", 2);
    lab.pod("two", 3);
  }

  @BeforeEach
  void serve() throws Exception {
    for (String name : List.of("one", "two")) {
      lab.serveTcp(name, 8080);
    }
    group.inside(datapath == Datapath.EBPF);
    services = NodeServices.open(NodeLab.config(datapath, group), lab.node);
  }

  @AfterEach
  void close() throws Exception {
    services.close();
    group.close();
    lab.close();
  }

  private static ServiceBuilder web() {
    return port(service("web", VIP), null, "TCP", 8080, 30080);
  }

  /// CVE-2020-8554: a Service that gives itself somebody's address does not get his connections.
  @Test
  void aServiceDoesNotTakeAnAddressThatIsNotItsOwn() throws Exception {
    Service thief = web().editSpec().withExternalIPs("10.200.0.2").endSpec().build();
    services.set(
        List.of(thief), List.of(slice("web", "TCP", 8080, ready("worker-0", "10.200.0.3"))));
    assertThat(NodeLab.ask(client, VIP, 8080)).startsWith("two");
    assertThat(NodeLab.ask(client, "10.200.0.2", 8080)).startsWith("one");
    assertThat(NodeLab.ask(lab.outside, "10.200.0.2", 8080)).startsWith("one");
    assertThat(NodeLab.ask(lab.node, "10.200.0.2", 8080)).startsWith("one");
    // An address in the status of a Service of another type is nobody's word.
    Service claims =
        web()
            .withNewStatus()
            .withNewLoadBalancer()
            .addNewIngress()
            .withIp("10.200.0.2")
            .endIngress()
            .endLoadBalancer()
            .endStatus()
            .build();
    services.set(
        List.of(claims), List.of(slice("web", "TCP", 8080, ready("worker-0", "10.200.0.3"))));
    assertThat(NodeLab.ask(client, "10.200.0.2", 8080)).startsWith("one");
  }

  /// CVE-2020-8558: what listens at 127.0.0.1 of the node is for the node.
  @Test
  void neighboursDoNotReachWhatTheNodeServesForItself() throws Exception {
    services.set(
        List.of(web().build()),
        List.of(slice("web", "TCP", 8080, ready("worker-0", "10.200.0.2"))));
    assertThat(NodeLab.ask(lab.outside, NodeLab.NODE, 30080)).startsWith("one");
    assertThat(lab.inNode("sh", "-c", "cat /proc/sys/net/ipv4/conf/*/route_localnet").strip())
        .matches("[0\\s]+");
    try (DatagramChannel server =
        lab.node.call(() ->
            DatagramChannel.open(StandardProtocolFamily.INET)
                .bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 5999)))) {
      Sysctls.write(lab.outside, Map.of("net.ipv4.conf.eth0.route_localnet", "1"));
      route(lab.outside);
      server.socket().setSoTimeout(300);
      assertThat(arrives(server)).isFalse();
      // The packet is a good one: a node that lets such in gets it.
      Sysctls.write(lab.node, Map.of("net.ipv4.conf.eth0.route_localnet", "1"));
      server.socket().setSoTimeout(30_000);
      assertThat(arrives(server)).isTrue();
    }
  }

  /// Has 127.0.0.1 reached by way of the node.
  private static void route(NetworkNamespace from) throws Exception {
    for (String command :
        List.of(
            "ip addr flush dev lo",
            "ip route del local 127.0.0.0/8 dev lo table local || true",
            "ip route add 127.0.0.1/32 via " + NodeLab.NODE + " dev eth0")) {
      assertThat(from.start(new ProcessBuilder("sh", "-c", command)).waitFor()).isZero();
    }
  }

  private boolean arrives(DatagramChannel server) throws IOException {
    try (DatagramChannel sender =
        lab.outside.call(() ->
            DatagramChannel.open(StandardProtocolFamily.INET)
                .bind(new InetSocketAddress(NodeLab.OUTSIDE, 0)))) {
      sender.send(ByteBuffer.wrap(new byte[1]), new InetSocketAddress("127.0.0.1", 5999));
      server.socket().receive(new java.net.DatagramPacket(new byte[1], 1));
      return true;
    } catch (SocketTimeoutException e) {
      return false;
    }
  }

  private static Pod pod(String namespace, String name, String address) {
    return new PodBuilder()
        .withNewMetadata()
        .withNamespace(namespace)
        .withName(name)
        .endMetadata()
        .withNewSpec()
        .endSpec()
        .withNewStatus()
        .withPhase("Running")
        .addNewPodIP(address)
        .endStatus()
        .build();
  }

  /// CVE-2021-25740: a slice that somebody wrote does not lead to other namespaces' pods, whatever
  /// it says of itself.
  @Test
  void aSliceDoesNotLeadToOtherNamespacesPods() throws Exception {
    Service web = web().build();
    var written =
        slice("web", "TCP", 8080, ready("worker-0", "10.200.0.2"), ready("worker-0", "10.200.0.3"));
    written
        .getMetadata()
        .getLabels()
        .put("endpointslice.kubernetes.io/managed-by", "endpointslice-controller.k8s.io");
    Pod own = pod("default", "own", "10.200.0.3");
    Pod theirs = pod("vault", "secret", "10.200.0.2");
    services.change(ObjectKey.of(own), null, own);
    services.set(List.of(web), List.of(written));
    assertThat(many()).as("pods that are not known of may be").contains("one", "two");
    services.change(ObjectKey.of(theirs), null, theirs);
    assertThat(many()).doesNotContain("one").contains("two");
    // Its address is of use again when it has ended.
    Pod ended = new PodBuilder(theirs).editStatus().withPhase("Succeeded").endStatus().build();
    services.change(ObjectKey.of(theirs), theirs, ended);
    assertThat(many()).contains("one", "two");
    services.change(ObjectKey.of(theirs), ended, theirs);
    assertThat(many()).doesNotContain("one");
    Pod successor = pod("default", "successor", "10.200.0.2");
    services.change(ObjectKey.of(successor), null, successor);
    assertThat(many()).as("before the old owner is known to be gone").contains("one", "two");
    services.change(ObjectKey.of(theirs), theirs, null);
    assertThat(many()).contains("one", "two");
  }

  private String many() throws IOException {
    StringBuilder answers = new StringBuilder();
    for (int i = 0; i < 40; i++) {
      answers.append(NodeLab.ask(client, VIP, 8080)).append(' ');
    }
    return answers.toString();
  }
}
