// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.net.IpAddress;
import java.io.IOException;
import java.net.Socket;
import java.nio.channels.SocketChannel;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/// The pod network's settings change while pods of a running cluster talk.
@Tag("slow")
@ExtendWith(LabCluster.Extension.class)
class SettingsTest {
  private static final int PATIENCE_MILLIS = 30_000;
  private static final String NET = "./fairway net --name " + LabCluster.NAME;
  private static final String SETTINGS =
      "-n kube-system get configmap fairway-podnet -o jsonpath='{.data.podnet\\.yaml}'";

  private static final String POD =
      """
      ---
      apiVersion: v1
      kind: Pod
      metadata: {name: NAME, namespace: settings}
      spec:
        {nodeName: NODE, terminationGracePeriodSeconds: 1,
         containers: [{name: c, image: "fairway.local/toolbox:1"}]}
      """;

  @BeforeAll
  static void runPods(LabCluster cluster) {
    String all =
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: settings}\n"
            + POD.replace("NAME", "a").replace("NODE", "worker-0")
            + POD.replace("NAME", "b").replace("NODE", "worker-1");
    cluster.shell().run("./fairway kubectl apply -f -", all).good();
    cluster.kubectl("wait -n settings --for=condition=Ready pod --all --timeout=120s");
  }

  @AfterAll
  static void removePods(LabCluster cluster) {
    cluster.kubectl("delete namespace settings --timeout=120s");
  }

  /// A TCP connection from one pod to another.
  private record Connection(Echo server, Socket client) implements AutoCloseable {
    static Connection begin(Place from, Place to, IpAddress address) throws IOException {
      Echo server = Echo.at(to.namespace(), address);
      SocketChannel channel = from.namespace().call(() -> SocketChannel.open(Echo.family(address)));
      Socket client = channel.socket();
      client.connect(server.tcpAddress(), PATIENCE_MILLIS);
      client.setSoTimeout(PATIENCE_MILLIS);
      // Who the server sees comes first.
      client.getInputStream().readNBytes(client.getInputStream().read());
      return new Connection(server, client);
    }

    void carriesAByte(int value) throws IOException {
      client.getOutputStream().write(value);
      assertThat(client.getInputStream().read()).isEqualTo(value);
    }

    @Override
    public void close() throws IOException {
      client.close();
      server.close();
    }
  }

  @Test
  void theBackendChangesUnderOpenConnections(LabCluster cluster) throws Exception {
    List<Connection> connections = new ArrayList<>();
    try (Place a = Place.of(cluster, "settings", "a");
        Place b = Place.of(cluster, "settings", "b")) {
      for (IpAddress address : b.addresses()) {
        connections.add(Connection.begin(a, b, address));
      }
      assertThat(connections).hasSize(2);
      int value = 0;
      for (String backend : List.of("routes", "bgp", "vxlan")) {
        String up = "./fairway up --name " + LabCluster.NAME + " --network " + backend;
        assertThat(cluster.shell().run(up).good()).contains("the nodes change to " + backend);
        String row = "(?s).*worker-0 [^\n]* " + backend + " .*worker-1 [^\n]* " + backend + " .*";
        cluster.shell().until(NET, text -> text.contains("Nothing is wrong.") && text.matches(row));
        for (Connection each : connections) {
          each.carriesAByte(++value);
        }
      }
    } finally {
      for (Connection each : connections) {
        each.close();
      }
    }
  }

  @Test
  void settingsThatCannotBeAreSaidAndChangeNothing(LabCluster cluster) throws Exception {
    String good = cluster.kubectl(SETTINGS);
    cluster.kubectl(patch("backend: ipip"));
    try {
      cluster
          .shell()
          .until(
              "./fairway kubectl get events -A --field-selector reason=InvalidPodNetworkSettings",
              text -> text.contains("node/worker-0") && text.contains("apiVersion must be"));
      String problem = "ConfigMap kube-system/fairway-podnet, key podnet.yaml: apiVersion must be";
      cluster.shell().until(NET, text -> text.contains(problem));
    } finally {
      cluster.kubectl(patch(good.strip().replace("\n", "\\n").replace("\"", "\\\"")));
    }
    cluster.shell().until(NET, text -> text.contains("Nothing is wrong."));
  }

  private static String patch(String settings) {
    return "-n kube-system patch configmap fairway-podnet --type merge -p '{\"data\":{\"podnet.yaml\":\""
        + settings
        + "\"}}'";
  }
}
