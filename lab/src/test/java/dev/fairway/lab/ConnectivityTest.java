// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.wireguard.KernelWireGuard;
import dev.fairway.linux.wireguard.UserspaceWireGuard;
import dev.fairway.net.IpAddress;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.AfterParameterizedClassInvocation;
import org.junit.jupiter.params.BeforeParameterizedClassInvocation;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.CsvSource;

/// Any pod reaches any pod, whatever carries the packets: the same for each backend. SCTP is left
/// out, as the kernels at hand have none. WireGuard needs the kernel's or the optional package
/// `wireguard-go`.
@Tag("slow")
@ExtendWith(LabCluster.Extension.class)
@ParameterizedClass(name = "{0}, {1}")
@CsvSource({"vxlan, dual", "routes, dual", "bgp, dual", "wireguard, ipv4"})
class ConnectivityTest {
  private static final String NAMESPACE = "reach";
  private static final List<String> PODS = List.of("a", "b", "c", "d", "host-a", "host-c");
  private static final int AT_ONCE = 6;

  /// Two pods on one node, one on each other, and two on the networks of their machines.
  private static final String MANIFEST =
      """
      apiVersion: v1
      kind: Namespace
      metadata: {name: reach}
      """
          + pod("a", "worker-0", "")
          + pod("b", "worker-0", "")
          + pod("c", "worker-1", "")
          + pod("d", "worker-2", "")
          + pod("host-a", "worker-0", "hostNetwork: true, ")
          + pod("host-c", "worker-1", "hostNetwork: true, ")
          + """
          ---
          apiVersion: v1
          kind: Service
          metadata: {name: web, namespace: reach}
          spec: {type: NodePort, selector: {web: "yes"}, ports: [{port: 80}]}
          """;

  private static LabCluster cluster;
  private static List<Place> places = List.of();

  @Parameter(0)
  String backend;

  @Parameter(1)
  String ipFamilies;

  private static String pod(String name, String node, String spec) {
    return """
    ---
    apiVersion: v1
    kind: Pod
    metadata: {name: NAME, namespace: reach, labels: {web: "WEB"}}
    spec:
      {nodeName: NODE, SPECterminationGracePeriodSeconds: 1,
       containers: [{name: c, image: "fairway.local/toolbox:1"}]}
    """
        .replace("NAME", name)
        .replace("WEB", spec.isEmpty() ? "yes" : "no")
        .replace("NODE", node)
        .replace("SPEC", spec);
  }

  @BeforeParameterizedClassInvocation
  static void bringUp(String backend, String ipFamilies, LabCluster shared) throws IOException {
    if (backend.equals("wireguard")) {
      Optional<String> without = withoutWireGuard();
      assumeTrue(without.isEmpty(), without::orElseThrow);
    }
    boolean asShared = backend.equals("vxlan") && ipFamilies.equals("dual");
    cluster =
        asShared
            ? shared
            : new LabCluster(
                shortName(backend), "--network " + backend + " --ip-families " + ipFamilies);
    cluster.shell().run("./fairway kubectl apply -f -", MANIFEST).good();
    cluster.kubectl("wait -n reach --for=condition=Ready pod --all --timeout=120s");
    List<Place> found = new ArrayList<>();
    for (String pod : PODS) {
      found.add(Place.of(cluster, NAMESPACE, pod));
    }
    places = List.copyOf(found);
  }

  /// Why there can be no such cluster; empty if there can.
  private static Optional<String> withoutWireGuard() {
    Optional<String> userspace = UserspaceWireGuard.missing();
    if (userspace.isEmpty()) {
      return userspace;
    }
    try (NetworkNamespace somewhere = NetworkNamespace.createAnonymous();
        KernelWireGuard kernel = new KernelWireGuard(somewhere, "wg")) {
      kernel.create(1440);
      return Optional.empty();
    } catch (IOException e) {
      return userspace.map(missing -> e.getMessage() + ", and " + missing);
    }
  }

  /// Names of clusters have at most eight letters.
  private static String shortName(String backend) {
    return backend.substring(0, Math.min(8, backend.length()));
  }

  @AfterParameterizedClassInvocation
  static void takeDown(String backend, String ipFamilies, LabCluster shared) {
    places.forEach(Place::close);
    places = List.of();
    if (cluster == shared) {
      cluster.kubectl("delete namespace reach --timeout=120s");
    } else {
      cluster.close();
    }
  }

  @Test
  void everyPlaceReachesEveryPlaceByEveryProtocol() throws Exception {
    assertThat(places)
        .allSatisfy(
            place -> assertThat(place.addresses()).hasSize(ipFamilies.equals("dual") ? 2 : 1));
    List<Echo> echoes = new ArrayList<>();
    List<Future<List<String>>> tries = new ArrayList<>();
    try (ExecutorService several =
        Executors.newFixedThreadPool(AT_ONCE, Thread.ofPlatform().factory())) {
      for (Place to : places) {
        for (IpAddress address : to.addresses()) {
          Echo echo = Echo.at(to.namespace(), address);
          echoes.add(echo);
          for (Place from : places) {
            tries.add(several.submit(() -> Ways.problems(from, to, echo)));
          }
        }
      }
      List<String> problems = new ArrayList<>();
      for (Future<List<String>> each : tries) {
        problems.addAll(each.get());
      }
      assertThat(problems).isEmpty();
    } finally {
      for (Echo echo : echoes) {
        echo.close();
      }
    }
  }

  @Test
  void packetsGoAsTheBackendSays() {
    int mtu =
        switch (backend) {
          case "vxlan" -> 1450;
          case "wireguard" -> 1440;
          default -> 1500;
        };
    assertThat(places)
        .filteredOn(Place::own)
        .allSatisfy(place -> assertThat(place.mtu()).as(place.name()).isEqualTo(mtu));
    String worker = "ip netns exec fairway-" + cluster.name() + "-worker-0 ";
    for (String family : ipFamilies.equals("dual") ? List.of("-4", "-6") : List.of("-4")) {
      String maker = backend.equals("bgp") ? "86" : "87";
      String routes =
          cluster.shell().run(worker + "ip " + family + " route show proto " + maker).good();
      String device =
          switch (backend) {
            case "vxlan" -> "dev fairway.1";
            case "wireguard" -> "dev fairway.wg";
            default -> "dev eth0";
          };
      boolean gateway = !backend.equals("wireguard");
      assertThat(routes.lines().filter(line -> line.contains(gateway ? " via " : device)))
          .as(routes)
          .hasSize(2)
          .allSatisfy(line -> assertThat(line).contains(device));
    }
    if (!backend.equals("vxlan")) {
      assertThat(cluster.shell().run(worker + "ip -o link").good()).doesNotContain("vxlan");
    }
  }

  @Test
  void podsReachAServiceAndTheOutsideReachesItsNodePort() {
    String[] service =
        cluster
            .kubectl(
                "get service -n reach web -o jsonpath='{.spec.clusterIP} {.spec.ports[0].nodePort}'")
            .split(" ");
    cluster.kubectl(
        "wait -n reach --for=jsonpath='{.endpoints[3].conditions.ready}'=true --timeout=120s"
            + " endpointslice -l kubernetes.io/service-name=web");
    for (Place from : places) {
      for (String name : List.of(service[0], "web.reach.svc.cluster.local")) {
        // Pods of the host network ask the host's name servers.
        if (from.own() || name.equals(service[0])) {
          assertThat(
                  cluster.kubectl(
                      "exec -n reach " + from.name() + " -- timeout 20 wget -qO- http://" + name))
              .containsPattern("^[abcd]\n$");
        }
      }
    }
    for (int machine = 20; machine <= 22; machine++) {
      assertThat(
              cluster
                  .shell()
                  .run(
                      "curl -sS --max-time 20 http://"
                          + cluster.machineAddress(machine)
                          + ":"
                          + service[1])
                  .good())
          .containsPattern("^[abcd]\n$");
    }
  }

  @Test
  void thePageOfPathsIsTrueForTheBackend() throws IOException {
    int commands = Page.play(cluster, "packet-paths.md", backend);
    assertThat(commands).isGreaterThanOrEqualTo(backend.equals("vxlan") ? 0 : 1);
  }

  @Test
  void aRunningClusterKeepsItsShape() {
    assertThat(
            cluster
                .shell()
                .run(
                    "./fairway up --name "
                        + cluster.name()
                        + (ipFamilies.equals("dual")
                            ? " --ip-families ipv4"
                            : " --ip-families dual"))
                .bad())
        .contains("./fairway down --name " + cluster.name() + " first, to make it another way");
  }
}
