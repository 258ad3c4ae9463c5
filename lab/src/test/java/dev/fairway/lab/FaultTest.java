// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.linux.Cgroups;
import dev.fairway.linux.NetworkNamespace;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Kills parts of a cluster and cuts its wires. Packets go on meanwhile, and `up` brings back the
/// same cluster: same objects, same addresses, pods running, connections still open.
@Tag("slow")
@ExtendWith(LabCluster.Extension.class)
class FaultTest {
  private static final String NAME = LabCluster.NAME;
  private static final int PATIENCE_MILLIS = 30_000;
  private static final int TCP_ECHO = 7000;
  private static final int UDP_ECHO = 7001;

  private static final String WORKLOAD =
      """
      apiVersion: v1
      kind: Namespace
      metadata: {name: faults}
      ---
      apiVersion: apps/v1
      kind: Deployment
      metadata: {name: web, namespace: faults}
      spec:
        replicas: 3
        selector: {matchLabels: {app: web}}
        template:
          metadata: {labels: {app: web}}
          spec:
            terminationGracePeriodSeconds: 1
            containers: [{name: web, image: fairway.local/toolbox:1}]
      ---
      apiVersion: v1
      kind: Service
      metadata: {name: web, namespace: faults}
      spec: {selector: {app: web}, ports: [{port: 80}]}
      ---
      apiVersion: v1
      kind: Service
      metadata: {name: echo, namespace: faults}
      spec:
        selector: {app: echo}
        ports:
        - {name: tcp, port: 7000}
        - {name: udp, port: 7001, protocol: UDP}
      ---
      apiVersion: v1
      kind: Pod
      metadata: {name: echo, namespace: faults, labels: {app: echo}}
      spec:
        nodeName: worker-1
        terminationGracePeriodSeconds: 1
        containers:
        - name: echo
          image: fairway.local/toolbox:1
          command: [sh, -c, "exec nc -ll -p 7000 -e cat"]
      ---
      apiVersion: v1
      kind: Pod
      metadata: {name: client, namespace: faults}
      spec:
        nodeName: worker-0
        terminationGracePeriodSeconds: 1
        containers: [{name: client, image: fairway.local/toolbox:1, command: [sleep, "100000"]}]
      """;

  private static final String IDENTITIES =
      "./fairway kubectl get pods,deployments,replicasets,services,endpointslices,nodes -A"
          + " -o jsonpath='{range .items[*]}{.kind} {.metadata.namespace}/{.metadata.name}"
          + " {.metadata.uid} {.spec.clusterIP}{.status.podIP}{\"\\n\"}{end}' | sort";

  private final LabCluster cluster;
  private String before = "";

  FaultTest(LabCluster cluster) {
    this.cluster = cluster;
  }

  @BeforeEach
  void runPods() throws InterruptedException {
    // After the first test there is nothing left to do here, if that test was right.
    cluster.shell().run("./fairway kubectl apply -f -", WORKLOAD).good();
    awaitReady();
    askWeb();
    before = cluster.shell().run(IDENTITIES).good();
  }

  @AfterAll
  static void removePods(LabCluster cluster) {
    cluster.kubectl("delete namespace faults --timeout=120s");
  }

  @ParameterizedTest(name = "{0}")
  @CsvSource(
      delimiter = '|',
      value = {
        "the API server | kill -9 $(cut -d' ' -f1 RUN/controller-0/fairway.pid)",
        "every node's agent | kill -9 $(cut -d' ' -f1 RUN/worker-*/fairway.pid)",
        "every containerd | kill -9 $(cut -d' ' -f1 RUN/worker-*/containerd.pid)",
        "all of them | kill -9 $(cut -d' ' -f1 RUN/*/*.pid)",
      })
  void killedProcessesComeBackAndConnectionsStay(String what, String kill) throws Exception {
    try (Talk talk = begin()) {
      talk.check();
      cluster.shell().run(kill.replace("RUN", "/run/fairway/" + NAME)).good();
      cluster.shell().run("./fairway status --name " + NAME).bad();
      talk.check();
      talk.checkAnother();
      assertThat(up()).contains("is ready");
      talk.check();
    }
    itIsTheSameCluster();
  }

  @ParameterizedTest(name = "{0}")
  @CsvSource(
      delimiter = '|',
      value = {
        "a machine's namespace | ip netns delete fairway-NAME-worker-0",
        "the bridge | ip link delete fw-NAME",
        "a machine's wire | ip -n fairway-NAME-worker-1 link delete eth0",
        "the host's rules | nft delete table ip fairway-NAME",
        "a machine's rules | ip netns exec fairway-NAME-worker-0 nft flush ruleset",
      })
  void whatWasCutIsMended(String what, String cut) throws Exception {
    try (Talk talk = begin()) {
      talk.check();
      cluster.shell().run(cut.replace("NAME", NAME)).good();
      assertThat(up()).contains("is running");
      // The nodes' agents look after their own part every ten seconds.
      askWeb();
      talk.recover();
    }
    itIsTheSameCluster();
    assertThat(cluster.shell().run("nft list tables").good()).contains("fairway-" + NAME);
  }

  @Test
  void afterTheEndOfEveryProcessTheSamePodsRunAgain() throws Exception {
    Cgroups cgroups = Cgroups.find();
    for (var pids = cgroups.pids("fairway-" + NAME);
        !pids.isEmpty();
        pids = cgroups.pids("fairway-" + NAME)) {
      pids.forEach(pid -> ProcessHandle.of(pid).ifPresent(ProcessHandle::destroyForcibly));
      LockSupport.parkNanos(1_000_000);
    }
    assertThat(up()).contains("is ready");
    itIsTheSameCluster();
    try (Talk talk = begin()) {
      talk.check();
    }
  }

  private String up() {
    return cluster.shell().run("./fairway up --name " + NAME).good();
  }

  private void itIsTheSameCluster() throws InterruptedException {
    awaitReady();
    askWeb();
    // A pod may still be on its way back, without an address as long as it has no sandbox.
    cluster.shell().until(IDENTITIES, before::equals);
  }

  private void awaitReady() {
    // What stands in the way is worth more than the word that it took too long.
    cluster.kubectl(
        "wait -n faults --for=condition=Ready pod --all --timeout=120s"
            + " || { ./fairway kubectl get nodes,pods -A -o wide;"
            + " ./fairway kubectl get events -n faults; exit 1; }");
    cluster.kubectl("wait -n faults --for=condition=Available deployment/web --timeout=120s");
  }

  /// Uses the API server, a kubelet, the cluster's DNS, a Service and the path between nodes.
  private void askWeb() throws InterruptedException {
    cluster
        .shell()
        .until(
            "./fairway kubectl exec -n faults client --"
                + " timeout 3 wget -qO- http://web.faults/cgi-bin/index.cgi",
            answer -> answer.startsWith("web-"));
  }

  private Talk begin() throws IOException {
    InetAddress service =
        InetAddress.getByName(
            cluster.kubectl("get service -n faults echo -o jsonpath={.spec.clusterIP}"));
    return Talk.begin(namespaceOfPod("client"), namespaceOfPod("echo"), service);
  }

  private NetworkNamespace namespaceOfPod(String pod) throws IOException {
    return Place.of(cluster, "faults", pod).namespace();
  }

  /// A TCP connection from a pod through a Service to the echo pod, and a UDP flow beside it, whose
  /// server is a socket of ours inside the echo pod.
  private record Talk(
      NetworkNamespace client,
      NetworkNamespace server,
      InetAddress service,
      Socket tcp,
      DatagramSocket udp,
      DatagramSocket udpServer)
      implements AutoCloseable {
    static Talk begin(NetworkNamespace client, NetworkNamespace server, InetAddress service)
        throws IOException {
      DatagramSocket udpServer = server.call(() -> new DatagramSocket(UDP_ECHO));
      udpServer.setSoTimeout(PATIENCE_MILLIS);
      return new Talk(
          client, server, service, connect(client, service), flow(client, service), udpServer);
    }

    /// New ones beside these must be possible, too.
    void checkAnother() throws IOException {
      try (Socket tcp = connect(client, service);
          DatagramSocket udp = flow(client, service)) {
        new Talk(client, server, service, tcp, udp, udpServer).check();
      }
    }

    private static Socket connect(NetworkNamespace client, InetAddress service) throws IOException {
      return client.call(() -> {
        Socket tcp = new Socket();
        tcp.connect(new InetSocketAddress(service, TCP_ECHO), PATIENCE_MILLIS);
        tcp.setSoTimeout(PATIENCE_MILLIS);
        return tcp;
      });
    }

    private static DatagramSocket flow(NetworkNamespace client, InetAddress service)
        throws IOException {
      return client.call(() -> {
        DatagramSocket udp = new DatagramSocket();
        udp.connect(service, UDP_ECHO);
        udp.setSoTimeout(PATIENCE_MILLIS);
        return udp;
      });
    }

    /// Both carry a byte there and back, without a loss.
    void check() throws IOException {
      checkTcp();
      DatagramPacket packet = new DatagramPacket(new byte[1], 1);
      udp.send(new DatagramPacket(new byte[] {7}, 1));
      udpServer.receive(packet);
      udpServer.send(packet);
      udp.receive(packet);
      assertThat(packet.getData()[0]).isEqualTo((byte) 7);
    }

    /// The connection outlives a while in which packets were lost.
    void recover() throws IOException {
      tcp.setSoTimeout(2 * PATIENCE_MILLIS);
      checkTcp();
    }

    private void checkTcp() throws IOException {
      tcp.getOutputStream().write(42);
      assertThat(tcp.getInputStream().read()).isEqualTo(42);
    }

    @Override
    public void close() throws IOException {
      tcp.close();
      udp.close();
      udpServer.close();
      client.close();
      server.close();
    }
  }
}
