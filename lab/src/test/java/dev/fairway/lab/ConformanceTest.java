// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.linux.NetworkNamespace;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.PortUnreachableException;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Upstream's conformance entries about pods that reach pods and about host ports, done as the
/// entries describe them, through kubectl alone. `docs/conformance.md` names each.
@Tag("slow")
@ExtendWith(LabCluster.Extension.class)
class ConformanceTest {
  private static final List<String> SERVERS = List.of("server-0", "server-1", "server-2");
  private static final int HOST_PORT = 54323;
  private static final int UDP_PORT = 8081;

  private static final String SERVER =
      """
      ---
      apiVersion: v1
      kind: Pod
      metadata: {name: NAME, namespace: conform}
      spec:
        nodeName: NODE
        terminationGracePeriodSeconds: 1
        containers:
        - name: http
          image: fairway.local/toolbox:1
          command: [sh, -c, "trap 'exit 0' TERM; httpd -f -p 8080 -h /www & wait"]
          ports: [PORT]
      """;

  private static final String CLIENT =
      """
      ---
      apiVersion: v1
      kind: Pod
      metadata: {name: NAME, namespace: conform}
      spec:
        nodeName: worker-0
        hostNetwork: HOST
        terminationGracePeriodSeconds: 1
        containers:
        - name: client
          image: fairway.local/toolbox:1
          command: [sleep, "100000"]
          env:
          - {name: POD_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}
          - {name: POD_IPS, valueFrom: {fieldRef: {fieldPath: status.podIPs}}}
          - {name: HOST_IP, valueFrom: {fieldRef: {fieldPath: status.hostIP}}}
          - {name: HOST_IPS, valueFrom: {fieldRef: {fieldPath: status.hostIPs}}}
      """;

  private final LabCluster cluster;

  ConformanceTest(LabCluster cluster) {
    this.cluster = cluster;
  }

  @BeforeAll
  static void runPods(LabCluster cluster) {
    String node = cluster.machineAddress(21);
    StringBuilder all = new StringBuilder("apiVersion: v1\nkind: Namespace\n");
    all.append("metadata: {name: conform}\n");
    for (int i = 0; i < SERVERS.size(); i++) {
      all.append(server(SERVERS.get(i), "worker-" + i, ""));
    }
    all.append(client("pod", "worker-0", false));
    all.append(client("node", "worker-0", true));
    all.append(client("near", "worker-1", true));
    all.append(server("port-1", "worker-1", hostPort(8080, "TCP", "127.0.0.1")));
    all.append(server("port-2", "worker-1", hostPort(8080, "TCP", node)));
    all.append(server("port-3", "worker-1", hostPort(UDP_PORT, "UDP", node)));
    cluster.shell().run("./fairway kubectl apply -f -", all.toString()).good();
    cluster.kubectl("wait -n conform --for=condition=Ready pod --all --timeout=90s");
  }

  private static String client(String name, String node, boolean hostNetwork) {
    return CLIENT
        .replace("{name: NAME", "{name: " + name)
        .replace("worker-0", node)
        .replace("hostNetwork: HOST", "hostNetwork: " + hostNetwork);
  }

  private static String server(String name, String node, String port) {
    return SERVER.replace("NAME", name).replace("NODE", node).replace("PORT", port);
  }

  private static String hostPort(int containerPort, String protocol, String hostIp) {
    return "{containerPort: %d, protocol: %s, hostPort: %d, hostIP: \"%s\"}"
        .formatted(containerPort, protocol, HOST_PORT, hostIp);
  }

  @AfterAll
  static void removePods(LabCluster cluster) {
    cluster.kubectl("delete namespace conform --timeout=120s");
  }

  /// Networking Granular Checks: Pods should function for intra-pod and for node-pod communication.
  @ParameterizedTest
  @CsvSource({"pod, http", "pod, udp", "node, http", "node, udp"})
  void everyServerIsReached(String client, String protocol) throws InterruptedException {
    for (String server : SERVERS) {
      for (String address :
          cluster
              .kubectl("get pod -n conform " + server + " -o jsonpath='{.status.podIPs[*].ip}'")
              .split(" ")) {
        // The servers listen by IPv4.
        if (!address.contains(":")) {
          asked(client, protocol, address, protocol.equals("http") ? 8080 : UDP_PORT, server);
        }
      }
    }
  }

  /// HostPort validates that there is no conflict between pods with same hostPort but different
  /// hostIP and protocol.
  @Test
  void oneHostPortServesThreePodsApart() throws InterruptedException {
    String node = cluster.machineAddress(21);
    asked("near", "http", "127.0.0.1", HOST_PORT, "port-1");
    for (String client : List.of("near", "node", "pod")) {
      asked(client, "http", node, HOST_PORT, "port-2");
      asked(client, "udp", node, HOST_PORT, "port-3");
    }
    // From outside of the cluster, too.
    assertThat(
            cluster.shell().run("curl -sS --max-time 20 http://" + node + ":" + HOST_PORT).good())
        .isEqualTo("port-2\n");
  }

  /// SchedulerPredicates validates that there exists conflict between pods with same hostPort and
  /// protocol but one using 0.0.0.0 hostIP.
  @Test
  void aHostPortIsGivenOnce() throws InterruptedException {
    String any = server("any", "worker-2", hostPort(8080, "TCP", "")).replace("54323", "54322");
    String one =
        server("one", "worker-2", hostPort(8080, "TCP", cluster.machineAddress(22)))
            .replace("54323", "54322")
            .replace("nodeName: worker-2", "nodeSelector: {kubernetes.io/hostname: worker-2}");
    cluster.shell().run("./fairway kubectl apply -f -", any.replace(", hostIP: \"\"", "")).good();
    cluster.kubectl("wait -n conform --for=condition=Ready pod/any --timeout=120s");
    cluster.shell().run("./fairway kubectl apply -f -", one).good();
    cluster
        .shell()
        .until(
            "./fairway kubectl get pod -n conform one -o jsonpath='{.spec.nodeName}"
                + " {.status.conditions[?(@.type==\"PodScheduled\")].message}'",
            text -> text.startsWith(" ") && text.contains("port"));
    cluster.kubectl("delete pod -n conform any one --now");
  }

  /// No entry of upstream's, but a promise of its documentation (Network Plugins, "Support traffic
  /// shaping"): the runtime reads the annotations, and the plugin limits both ends of the pod's
  /// link.
  @Test
  void annotationsLimitHowFastAPodIs() throws IOException {
    String slow =
        client("slow", "worker-2", false)
            .replace(
                "namespace: conform}",
                "namespace: conform, annotations: {kubernetes.io/ingress-bandwidth: 10M, kubernetes.io/egress-bandwidth: 20M}}");
    cluster.shell().run("./fairway kubectl apply -f -", slow).good();
    cluster.kubectl("wait -n conform --for=condition=Ready pod/slow --timeout=120s");
    try (Place inside = Place.of(cluster, "conform", "slow");
        NetworkNamespace machine =
            NetworkNamespace.open(Place.machineNamespace(cluster, "worker-2"))) {
      assertThat(shaping(inside.namespace())).contains("tbf", "rate 20Mbit");
      assertThat(shaping(machine)).contains("tbf", "rate 10Mbit");
    }
    cluster.kubectl("delete pod -n conform slow --now");
  }

  private static String shaping(NetworkNamespace namespace) throws IOException {
    Process tc = namespace.start(new ProcessBuilder("tc", "qdisc", "show"));
    return new String(tc.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
  }

  /// Downward API should provide pod name, namespace and IP address, and host IP, as env vars.
  @Test
  void aPodReadsItsAddressesAndItsNodes() {
    String machine = cluster.machineAddress(20);
    String[] ips =
        cluster.kubectl("get pod -n conform pod -o jsonpath='{.status.podIPs[*].ip}'").split(" ");
    assertThat(ips).hasSize(2);
    assertThat(exec("pod", "sh -c 'echo $POD_IP $POD_IPS $HOST_IP $HOST_IPS'").strip().split(" "))
        .satisfies(words -> {
          assertThat(words[0]).isEqualTo(ips[0]);
          assertThat(words[1]).isEqualTo(ips[0] + "," + ips[1]);
          assertThat(words[2]).isEqualTo(machine);
          assertThat(words[3]).matches(machine.replace(".", "[.]") + ",fd00:10:240:.*:20");
        });
    // A pod on the host network has the machine's addresses.
    assertThat(exec("node", "sh -c 'echo $POD_IPS'"))
        .isEqualTo(exec("node", "sh -c 'echo $HOST_IPS'"));
    assertThat(exec("pod", "cat /etc/hosts")).contains(ips[0] + "\tpod", ips[1] + "\tpod");
  }

  @Test
  void thePageNamesTestsThatAre() throws IOException {
    List<String> rows =
        Files.readAllLines(Repository.root().resolve("docs/conformance.md")).stream()
            .filter(line -> line.startsWith("| [sig-") || line.startsWith("| `[sig-"))
            .toList();
    assertThat(rows).hasSizeGreaterThan(6);
    for (String row : rows) {
      String[] cells = row.split("\\|");
      String[] test = cells[2].strip().replace("`", "").split("[.]");
      var file =
          Repository.root().resolve("lab/src/test/java/dev/fairway/lab/" + test[0] + ".java");
      assertThat(Files.readString(file)).as(row).contains("void " + test[1] + "(");
    }
  }

  private String exec(String pod, String command) {
    return cluster.kubectl("exec -n conform " + pod + " -c client -- " + command);
  }

  private void asked(String client, String protocol, String address, int port, String server)
      throws InterruptedException {
    if (protocol.equals("udp")) {
      askByUdp(client, address, port, server);
      return;
    }
    String said =
        cluster
            .shell()
            .until(
                "./fairway kubectl exec -n conform "
                    + client
                    + " -c client -- timeout 20 wget -qO- http://"
                    + address
                    + ":"
                    + port,
                text -> text.startsWith(server));
    assertThat(said.lines().distinct()).containsExactly(server);
  }

  /// The toolbox has no program for datagrams, so both ends are sockets of ours inside the pods.
  private void askByUdp(String client, String address, int port, String server) {
    try (Place from = Place.of(cluster, "conform", client);
        Place to = Place.of(cluster, "conform", server);
        DatagramSocket answers = to.namespace().call(() -> new DatagramSocket(UDP_PORT));
        DatagramSocket asks = from.namespace().call(() -> new DatagramSocket())) {
      Thread.ofVirtual().start(() -> answer(answers, server));
      asks.connect(new InetSocketAddress(address, port));
      asks.setSoTimeout(1000);
      DatagramPacket packet = new DatagramPacket(new byte[100], 100);
      for (int i = 0; i < 30; i++) {
        asks.send(new DatagramPacket(new byte[1], 1));
        try {
          asks.receive(packet);
          String said = new String(packet.getData(), 0, packet.getLength(), StandardCharsets.UTF_8);
          assertThat(said).isEqualTo(server);
          return;
        } catch (SocketTimeoutException | PortUnreachableException e) {
          // lost, or not there yet: it is sent again
        }
      }
      throw new AssertionError(client + " got no datagram from " + address + ":" + port);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void answer(DatagramSocket socket, String name) {
    try {
      while (true) {
        DatagramPacket packet = new DatagramPacket(new byte[100], 100);
        socket.receive(packet);
        packet.setData(name.getBytes(StandardCharsets.UTF_8));
        socket.send(packet);
      }
    } catch (IOException e) {
      assertThat(socket.isClosed()).isTrue();
    }
  }
}
