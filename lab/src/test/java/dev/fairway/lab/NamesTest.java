// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// Upstream's conformance entries about names, done as the entries describe them, from inside a
/// pod. `docs/conformance.md` names each.
@Tag("slow")
@ExtendWith(LabCluster.Extension.class)
class NamesTest {
  @TempDir Path directory;

  private final LabCluster cluster;

  NamesTest(LabCluster cluster) {
    this.cluster = cluster;
  }

  @BeforeAll
  static void runPods(LabCluster cluster) {
    String pods =
        """
        apiVersion: v1
        kind: Namespace
        metadata: {name: names}
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: headless, namespace: names}
        spec: {clusterIP: None, selector: {named: "yes"}, ports: [{name: http, port: 80}]}
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: plain, namespace: names}
        spec: {selector: {named: "yes"}, ports: [{name: http, port: 80}]}
        ---
        apiVersion: v1
        kind: Pod
        metadata: {name: querier, namespace: names, labels: {named: "yes"}}
        spec:
          hostname: querier-1
          subdomain: headless
          terminationGracePeriodSeconds: 0
          containers: [{name: c, image: "fairway.local/toolbox:1"}]
        ---
        apiVersion: v1
        kind: Pod
        metadata: {name: configured, namespace: names}
        spec:
          dnsPolicy: None
          dnsConfig: {nameservers: [1.1.1.1], searches: [resolv.conf.local], options: [{name: ndots, value: "2"}]}
          terminationGracePeriodSeconds: 0
          containers: [{name: c, image: "fairway.local/toolbox:1"}]
        """;
    cluster.shell().run("./fairway kubectl apply -f -", pods).good();
    cluster.kubectl("wait -n names --for=condition=Ready pod --all --timeout=90s");
  }

  @AfterAll
  static void removePods(LabCluster cluster) {
    cluster.kubectl("delete namespace names --timeout=120s");
  }

  /// `asked TYPE NAME` asks as the pod's own programs do; `dug NAME …` by dig from the pod's
  /// network.
  private void play(String text) throws Exception {
    try (Place querier = Place.of(cluster, "names", "querier")) {
      Files.writeString(
          directory.resolve("functions"),
          """
          asked() { k exec querier -- nslookup -type=$1 $2; }
          dug() { k exec querier -- cat /etc/resolv.conf > resolv.conf; nsenter --net=%s unshare -m bash -c 'mount --bind resolv.conf /etc/resolv.conf && exec dig +search +tries=1 +time=5 +short "$@"' dig "$@"; }
          address() { k get $1 $2 -o jsonpath="{$3}"; }
          """
              .formatted(querier.file()));
      new Transcript(
              cluster.shell(),
              Repository.root().resolve("fairway") + " kubectl",
              "names",
              directory)
          .play(text.replaceAll("(?m)^([$!~]) ", "$1 . ./functions; "));
    }
  }

  /// DNS should provide DNS for the cluster; should provide /etc/hosts entries for the cluster.
  @Test
  void theClusterHasNames() throws Exception {
    play(
        """
        ~ asked a kubernetes.default.svc.cluster.local
        Address: 10.32.0.1
        $ dug kubernetes.default
        10.32.0.1
        $ dug +tcp kubernetes.default.svc.cluster.local
        10.32.0.1
        $ [ "$(k exec querier -- awk '$1 == "'$(address pod querier .status.podIP)'" {print $2, $3}' /etc/hosts)" = 'querier-1.headless.names.svc.cluster.local querier-1' ]
        $ k exec querier -- hostname
        querier-1
        $ k exec querier -- hostname -f
        querier-1.headless.names.svc.cluster.local
        """);
  }

  /// DNS should provide DNS for services; should resolve DNS of partial qualified names for
  /// services.
  @Test
  void servicesHaveNames() throws Exception {
    play(
        """
        ~ asked a headless.names.svc.cluster.local | grep -F "Address: $(address pod querier .status.podIP)"
        Address
        $ for name in headless headless.names headless.names.svc; do dug $name | grep -F "$(address pod querier .status.podIP)" || exit; done
        ~ asked a plain.names.svc.cluster.local | grep -F "Address: $(address service plain .spec.clusterIP)"
        Address
        $ for name in plain plain.names plain.names.svc; do dug $name | grep -F "$(address service plain .spec.clusterIP)" || exit; done
        $ for name in plain plain.names plain.names.svc plain.names.svc.cluster.local; do dug SRV _http._tcp.$name; done
        80 plain.names.svc.cluster.local
        80 plain.names.svc.cluster.local
        80 plain.names.svc.cluster.local
        80 plain.names.svc.cluster.local
        $ for name in headless headless.names headless.names.svc headless.names.svc.cluster.local; do dug SRV _http._tcp.$name; done
        80 querier-1.headless.names.svc.cluster.local
        80 querier-1.headless.names.svc.cluster.local
        80 querier-1.headless.names.svc.cluster.local
        80 querier-1.headless.names.svc.cluster.local
        $ dug +tcp plain.names.svc.cluster.local | grep -F "$(address service plain .spec.clusterIP)"
        $ dug +tcp headless.names.svc.cluster.local | grep -F "$(address pod querier .status.podIP)"
        $ dug -x $(address service plain .spec.clusterIP)
        plain.names.svc.cluster.local.
        $ dug -x $(address pod querier .status.podIP) +tcp
        querier-1.headless.names.svc.cluster.local.
        """);
  }

  /// DNS should provide DNS for pods for Hostname; for Subdomain.
  @Test
  void podsHaveNames() throws Exception {
    play(
        """
        ~ asked a querier-1.headless.names.svc.cluster.local | grep -F "Address: $(address pod querier .status.podIP)"
        Address
        $ dug querier-1.headless.names.svc.cluster.local | grep -F "$(address pod querier .status.podIP)"
        $ dug +tcp querier-1.headless.names.svc.cluster.local | grep -F "$(address pod querier .status.podIP)"
        $ k exec querier -- wget -qO- http://querier-1.headless/
        querier-1
        """);
  }

  /// DNS should provide DNS for ExternalName services.
  @Test
  void anExternalNameIsAnAlias() throws Exception {
    play(
        """
        $ k create service externalname far --external-name=foo.example.com
        ~ dug far.names.svc.cluster.local CNAME
        foo.example.com.
        $ asked cname far.names.svc.cluster.local
        canonical name = foo.example.com
        $ k patch service far -p '{"spec":{"externalName":"bar.example.com"}}'
        ~ dug far.names.svc.cluster.local CNAME
        bar.example.com.
        $ k patch service far -p '{"spec":{"type":"ClusterIP","externalName":null,"ports":[{"port":80,"name":"http"}]}}'
        ~ dug far.names.svc.cluster.local A | grep -F "$(address service far .spec.clusterIP)"
        $ k delete service far
        """);
  }

  /// DNS should support configurable pod DNS nameservers.
  @Test
  void aPodMayHaveResolversOfItsOwn() throws Exception {
    play(
        """
        $ k exec configured -- cat /etc/resolv.conf
        nameserver 1.1.1.1
        $ k exec configured -- cat /etc/resolv.conf
        search resolv.conf.local
        $ k exec configured -- cat /etc/resolv.conf
        options ndots:2
        ! k exec configured -- grep 10.32.0.10 /etc/resolv.conf
        """);
  }
}
