// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic;

import static dev.fairway.traffic.rules.KubeObjects.ready;
import static dev.fairway.traffic.rules.KubeObjects.service;
import static dev.fairway.traffic.rules.KubeObjects.slice;
import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.linux.Conntrack;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.net.IpFamily;
import dev.fairway.traffic.rules.ServicesConfig.Datapath;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.ServiceBuilder;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSlice;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.channels.DatagramChannel;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// Connections that choose their endpoint by a table, in the real kernel.
class MaglevTest {
  private static final String VIP = "10.32.0.5";
  private static final int FIRST_PORT = 20_000;
  private static final int CONNECTIONS = 48;
  private static final int ATTEMPTS = 6;

  private final NodeLab lab = new NodeLab();
  private final ClientGroup group = new ClientGroup();
  private final NetworkNamespace client = lab.pod("client", 9);

  MaglevTest() throws IOException {}

  @AfterEach
  void close() throws Exception {
    group.close();
    lab.close();
  }

  @ParameterizedTest
  @EnumSource(names = {"NFTABLES", "EBPF"})
  void aConnectionHasTheSameEndpointOnEveryNodeAndAfterOthersHaveGone(Datapath datapath)
      throws Exception {
    for (int number = 2; number <= 5; number++) {
      lab.pod("pod-" + number, number);
      lab.serveUdp("pod-" + number, 5353);
    }
    group.inside(datapath == Datapath.EBPF);
    Service service =
        new ServiceBuilder(service("web", VIP, "UDP", 53))
            .editMetadata()
            .addToAnnotations("services.fairway.dev/balancing", "maglev")
            .endMetadata()
            .build();
    EndpointSlice all = endpoints(2, 3, 4, 5);
    List<String> before;
    try (NodeServices services = NodeServices.open(NodeLab.config(datapath, group), lab.node)) {
      services.set(List.of(service), List.of(all));
      before = whoAnswers();
      assertThat(before).contains("pod-2", "pod-3", "pod-4", "pod-5").doesNotContain("nobody");
    }
    NodeServices.uninstall(lab.node, group.path);
    // Who comes next on the same way, such as another node, makes the same table of the same.
    try (NodeServices services = NodeServices.open(NodeLab.config(datapath, group), lab.node)) {
      services.set(List.of(service), List.of(all));
      assertThat(whoAnswers()).isEqualTo(before);
      EndpointSlice fewer = endpoints(2, 4, 5);
      services.change(service, all, fewer);
      List<String> after = whoAnswers();
      assertThat(after).doesNotContain("pod-3", "nobody");
      int moved = 0;
      for (int i = 0; i < CONNECTIONS; i++) {
        moved += !before.get(i).equals("pod-3") && !before.get(i).equals(after.get(i)) ? 1 : 0;
      }
      // At random it would be two of three.
      assertThat(moved).isLessThan(CONNECTIONS / 4);
      assertThat(lab.inNode("nft", "list", "table", "ip", "fairway-services"))
          .contains("jhash", "mod 1021");
    }
  }

  private static EndpointSlice endpoints(int... numbers) {
    var some = new io.fabric8.kubernetes.api.model.discovery.v1.Endpoint[numbers.length];
    for (int i = 0; i < numbers.length; i++) {
      some[i] = ready("worker-0", "10.200.0." + numbers[i]);
    }
    return slice("web", "UDP", 5353, some);
  }

  /// By the port asked from. Nothing is remembered of the last time.
  private List<String> whoAnswers() throws IOException {
    try (Conntrack conntrack = Conntrack.open(lab.node)) {
      conntrack.deleteIf(IpFamily.IPV4, flow -> true);
    }
    List<String> names = new ArrayList<>();
    for (int i = 0; i < CONNECTIONS; i++) {
      names.add(ask(FIRST_PORT + i));
    }
    return names;
  }

  private String ask(int port) throws IOException {
    try (DatagramChannel channel = client.call(DatagramChannel::open)) {
      channel.bind(new InetSocketAddress("10.200.0.9", port));
      channel.connect(new InetSocketAddress(VIP, 53));
      for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        String answer = NodeLab.askUdp(channel);
        if (answer.startsWith("pod-")) {
          return answer.substring(0, answer.indexOf(' '));
        }
      }
    }
    return "nobody";
  }
}
