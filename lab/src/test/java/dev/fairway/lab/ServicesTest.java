// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.ConnectException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.PortUnreachableException;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.BeforeParameterizedClassInvocation;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.ValueSource;

/// Upstream's conformance entries about Services, done as the entries describe them, for each
/// datapath of a cluster that changes from one to the other while it runs. `docs/conformance.md`
/// names each.
@Tag("slow")
@ExtendWith(LabCluster.Extension.class)
@ParameterizedClass
@ValueSource(strings = {"iptables", "ebpf", "nftables"})
class ServicesTest {
  private static final String PODS =
      """
      apiVersion: v1
      kind: Namespace
      metadata: {name: services}
      ---
      apiVersion: apps/v1
      kind: Deployment
      metadata: {name: web, namespace: services}
      spec:
        replicas: 3
        selector: {matchLabels: {app: web}}
        template:
          metadata: {labels: {app: web}}
          spec:
            terminationGracePeriodSeconds: 0
            containers: [{name: web, image: "fairway.local/toolbox:1"}]
      ---
      apiVersion: v1
      kind: Pod
      metadata: {name: client, namespace: services}
      spec:
        nodeName: worker-0
        terminationGracePeriodSeconds: 0
        containers: [{name: c, image: "fairway.local/toolbox:1"}]
      """;

  private static final String NEAR =
      """
      ---
      apiVersion: v1
      kind: Pod
      metadata: {name: near-N, namespace: services, labels: {app: near, number: "N"}}
      spec:
        nodeName: worker-N
        terminationGracePeriodSeconds: 0
        containers: [{name: c, image: "fairway.local/toolbox:1"}]
      """;

  private static final String SERVICE =
      """
      apiVersion: v1
      kind: Service
      metadata: {name: web, namespace: services}
      spec:
        type: TYPE
        sessionAffinity: AFFINITY
        selector: {app: web}
        ports: [{name: http, port: 80, targetPort: 80}, {name: other, port: 81, targetPort: 80}]
      """;

  private static final String SELECTION =
      "\"externalName\":null,\"selector\":{\"app\":\"web\"},\"ports\":[{\"port\":80}]";

  @Parameter private String datapath;

  private final LabCluster cluster;

  ServicesTest(LabCluster cluster) {
    this.cluster = cluster;
  }

  @BeforeAll
  static void runPods(LabCluster cluster) {
    cluster.shell().run("./fairway kubectl apply -f -", PODS + near(0) + near(1) + near(2)).good();
    cluster.kubectl("rollout status deployment/web -n services --timeout=120s");
    cluster.kubectl("wait -n services --for=condition=Ready pod/client --timeout=120s");
    zones(cluster, "=left", "=left", "=right");
  }

  private static String near(int number) {
    return NEAR.replace("N,", number + ",")
        .replace("\"N\"", "\"" + number + "\"")
        .replace("worker-N", "worker-" + number);
  }

  private static void zones(LabCluster cluster, String... zones) {
    for (int worker = 0; worker < zones.length; worker++) {
      cluster.kubectl(
          "label --overwrite node worker-"
              + worker
              + " topology.kubernetes.io/zone"
              + zones[worker]);
    }
  }

  @AfterAll
  static void removePods(LabCluster cluster) {
    cluster.kubectl("delete namespace services --timeout=120s");
    zones(cluster, "-", "-", "-");
    cluster.shell().run(up("nftables")).good();
  }

  @AfterEach
  void removeService() {
    cluster.kubectl("delete service web near both -n services --ignore-not-found");
  }

  private static String up(String datapath) {
    return "./fairway up --name " + LabCluster.NAME + " --services " + datapath;
  }

  @BeforeParameterizedClassInvocation
  static void use(String datapath, LabCluster cluster) throws InterruptedException {
    assertThat(cluster.shell().run(up(datapath)).good()).contains("by " + datapath);
    for (int worker = 0; worker < 3; worker++) {
      String inMachine = "ip netns exec fairway-" + LabCluster.NAME + "-worker-" + worker + " ";
      boolean nft = !datapath.equals("iptables");
      cluster
          .shell()
          .until(
              inMachine + "sh -c 'iptables-save; nft list tables'",
              text ->
                  text.contains("table ip fairway-services") == nft
                      && text.contains(":KUBE-SERVICES") == !nft);
    }
  }

  private void apply(String type, String affinity) {
    cluster
        .shell()
        .run(
            "./fairway kubectl apply -f -",
            SERVICE.replace("TYPE", type).replace("AFFINITY", affinity))
        .good();
  }

  private String field(String path) {
    return cluster.kubectl("get service web -n services -o jsonpath='{" + path + "}'").strip();
  }

  private static Set<String> names(String text) {
    Set<String> names = new TreeSet<>();
    for (String line : text.split("\\s+")) {
      if (line.startsWith("web-") || line.startsWith("near-") || line.equals("none")) {
        names.add(line);
      }
    }
    return names;
  }

  private Set<String> pods() {
    return new TreeSet<>(
        List.of(
            cluster
                .kubectl("get pods -n services -l app=web -o jsonpath='{.items[*].metadata.name}'")
                .strip()
                .split(" ")));
  }

  /// Services should serve a basic endpoint from pods; should serve multiport endpoints from pods;
  /// should be able to create a functioning NodePort service.
  @Test
  void everyPortIsServedByEveryPodInsideAndOutside() throws InterruptedException {
    apply("NodePort", "None");
    String address = field(".spec.clusterIP");
    cluster.shell().until(exec(address + ":80"), text -> text.contains("web-"));
    settle("http://" + address + ":80/", pods());
    settle("http://" + address + ":81/", pods());
    String nodePort = field(".spec.ports[0].nodePort");
    assertThat(nodePort).as("by " + datapath).isNotEmpty();
    for (int worker = 20; worker < 23; worker++) {
      String url = "http://" + cluster.machineAddress(worker) + ":" + nodePort + "/";
      settleOutside(url, pods()::equals);
      settle(url, pods());
    }
    cluster.kubectl("scale deployment/web -n services --replicas=0");
    try {
      cluster.shell().until(exec(address + ":80"), text -> text.contains("refused"));
    } finally {
      cluster.kubectl("scale deployment/web -n services --replicas=3");
      cluster.kubectl("rollout status deployment/web -n services --timeout=120s");
    }
    cluster.shell().until(exec(address + ":80"), text -> text.contains("web-"));
  }

  private static String exec(String target) {
    return "./fairway kubectl exec -n services client -- wget -qO- http://"
        + target
        + "/ 2>&1 || :";
  }

  /// Services should have session affinity work, and be able to switch session affinity, for
  /// service with type clusterIP and for NodePort service.
  @Test
  void sessionAffinityWorksAndCanBeSwitched() throws InterruptedException {
    apply("NodePort", "ClientIP");
    String inside = "http://" + field(".spec.clusterIP") + ":80/";
    String outside =
        "http://" + cluster.machineAddress(21) + ":" + field(".spec.ports[0].nodePort") + "/";
    cluster.shell().until(exec(field(".spec.clusterIP")), text -> text.contains("web-"));
    settle(inside, 1);
    settleOutside(outside, names -> names.size() == 1 && pods().containsAll(names));
    apply("NodePort", "None");
    settle(inside, 3);
    settleOutside(outside, names -> names.size() == 3);
    apply("NodePort", "ClientIP");
    settle(inside, 1);
    settleOutside(outside, names -> names.size() == 1);
  }

  private void settle(String url, int pods) throws InterruptedException {
    cluster.shell().until(ask(url), text -> names(text).size() == pods);
  }

  private void settle(String url, Set<String> pods) throws InterruptedException {
    cluster.shell().until(ask(url), text -> names(text).equals(pods));
  }

  /// The same from the host, outside of the cluster.
  private void settleOutside(String url, Predicate<Set<String>> wanted)
      throws InterruptedException {
    String ask = "for i in $(seq 20); do curl -sm 5 " + url + " || echo none; done";
    cluster.shell().until(ask, text -> wanted.test(names(text)));
  }

  /// Twenty connections of a client in a pod, each to an endpoint by chance: one of three may be
  /// missing.
  private static String ask(String url) {
    return "./fairway kubectl exec -n services client -- sh -c 'for i in $(seq 20);"
        + " do timeout 5 wget -qO- "
        + url
        + " || echo none; done'";
  }

  /// Services should be able to change the type from ExternalName to ClusterIP, from ClusterIP to
  /// ExternalName, from ExternalName to NodePort, from NodePort to ExternalName.
  @Test
  void aServiceChangesItsType() throws InterruptedException {
    String external =
        """
        apiVersion: v1
        kind: Service
        metadata: {name: web, namespace: services}
        spec: {type: ExternalName, externalName: api.services.svc.cluster.local}
        """;
    cluster.shell().run("./fairway kubectl create -f -", external).good();
    assertThat(field(".spec.clusterIP")).isEmpty();
    answersAfter("\"type\":\"ClusterIP\"," + SELECTION);
    answersAtNodes("\"type\":\"NodePort\"");
    isAliasAfter("\"type\":\"ExternalName\",\"externalName\":\"one.example.com\"");
    answersAtNodes("\"type\":\"NodePort\"," + SELECTION);
    answersAfter("\"type\":\"ClusterIP\"");
    assertThat(field(".spec.ports[0].nodePort")).isEmpty();
    isAliasAfter("\"type\":\"ExternalName\",\"externalName\":\"two.example.com\"");
  }

  private void patch(String spec) {
    cluster.kubectl("patch service web -n services -p '{\"spec\":{" + spec + "}}'");
  }

  private void answersAfter(String spec) throws InterruptedException {
    patch(spec);
    cluster.shell().until(exec("web"), text -> text.contains("web-"));
    settle("http://web/", pods());
  }

  private void answersAtNodes(String spec) throws InterruptedException {
    answersAfter(spec);
    String port = field(".spec.ports[0].nodePort");
    cluster
        .shell()
        .until(
            "curl -sm 5 http://" + cluster.machineAddress(20) + ":" + port + "/",
            text -> text.contains("web-"));
  }

  private void isAliasAfter(String spec) throws InterruptedException {
    patch(spec);
    assertThat(field(".spec.clusterIP")).isEmpty();
    assertThat(field(".spec.ports[*].nodePort")).isEmpty();
    String name = field(".spec.externalName");
    cluster
        .shell()
        .until(
            "./fairway kubectl exec -n services client -- nslookup -type=cname"
                + " web.services.svc.cluster.local || :",
            text -> text.contains("canonical name = " + name));
  }

  /// What `spec.trafficDistribution` promises (KEP-4444, KEP-3015): traffic stays in the zone or on
  /// the node of who asks, while somebody answers there.
  @Test
  void trafficStaysNear() throws InterruptedException {
    cluster.kubectl("wait -n services --for=condition=Ready pod -l app=near --timeout=120s");
    near("");
    settle("http://near/", Set.of("near-0", "near-1", "near-2"));
    near("trafficDistribution: PreferSameZone");
    settle("http://near/", Set.of("near-0", "near-1"));
    near("trafficDistribution: PreferSameNode");
    settle("http://near/", Set.of("near-0"));
    cluster.kubectl("delete pod near-0 -n services");
    settle("http://near/", Set.of("near-1"));
    cluster.shell().run("./fairway kubectl apply -f -", near(0)).good();
    settle("http://near/", Set.of("near-0"));
  }

  private void near(String wish) {
    String spec = "selector: {app: near}, ports: [{port: 80}], " + wish;
    String service =
        "apiVersion: v1\nkind: Service\nmetadata: {name: near, namespace: services}\nspec: {";
    cluster.shell().run("./fairway kubectl apply -f -", service + spec + "}").good();
  }

  /// Services should serve endpoints on same port and different protocols.
  @Test
  void onePortServesTwoProtocols() throws Exception {
    String tcp = "{\"name\":\"tcp\",\"port\":80,\"protocol\":\"TCP\"}";
    String udp = "{\"name\":\"udp\",\"port\":80,\"protocol\":\"UDP\"}";
    try (Place server = Place.of(cluster, "services", "near-1");
        Place client = Place.of(cluster, "services", "client");
        DatagramSocket answers = server.namespace().call(() -> new DatagramSocket(80))) {
      Thread.ofVirtual().start(() -> sendBack(answers));
      cluster.kubectl("create service clusterip both -n services --tcp=80");
      cluster.kubectl("set selector service both -n services number=1");
      for (String ports : List.of(tcp + "," + udp, tcp, udp)) {
        cluster.kubectl(
            "patch service both -n services --type=merge -p '{\"spec\":{\"ports\":["
                + ports
                + "]}}'");
        String address =
            cluster.kubectl("get service both -n services -o jsonpath='{.spec.clusterIP}'");
        cluster
            .shell()
            .until(
                "./fairway kubectl exec -n services client -- timeout 3 wget -qO- http://"
                    + address
                    + " 2>&1 || :",
                text -> text.contains("near-1") == ports.contains(tcp));
        untilByUdp(client, address, ports.contains(udp));
      }
    }
  }

  private static void sendBack(DatagramSocket socket) {
    DatagramPacket packet = new DatagramPacket(new byte[8], 8);
    try {
      while (true) {
        socket.receive(packet);
        socket.send(packet);
      }
    } catch (IOException e) {
      assertThat(socket.isClosed()).isTrue();
    }
  }

  private static void untilByUdp(Place client, String address, boolean wanted) throws Exception {
    long deadline = System.nanoTime() + Duration.ofSeconds(60).toNanos();
    while (answersByUdp(client, address) != wanted) {
      assertThat(System.nanoTime()).as("datagrams answered: %s", !wanted).isLessThan(deadline);
    }
  }

  private static boolean answersByUdp(Place client, String address) throws IOException {
    try (DatagramSocket socket = client.namespace().call(() -> new DatagramSocket())) {
      socket.connect(new InetSocketAddress(address, 80));
      socket.setSoTimeout(1000);
      socket.send(new DatagramPacket(new byte[] {1}, 1));
      socket.receive(new DatagramPacket(new byte[8], 8));
      return true;
    } catch (SocketTimeoutException | PortUnreachableException | ConnectException nobody) {
      return false;
    }
  }
}
