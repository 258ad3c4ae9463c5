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
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Upstream's conformance entries about the objects of Services: their life in the API, the
/// endpoints that controllers write, and the way through the API server. `docs/conformance.md`
/// names each.
@Tag("slow")
@ExtendWith(LabCluster.Extension.class)
class ServiceObjectsTest {
  private static final String NAMESPACE = "objects";

  @TempDir Path directory;

  private final LabCluster cluster;

  ServiceObjectsTest(LabCluster cluster) {
    this.cluster = cluster;
  }

  @BeforeAll
  static void runPods(LabCluster cluster) {
    String pods =
        """
        apiVersion: v1
        kind: Namespace
        metadata: {name: objects}
        ---
        apiVersion: v1
        kind: Pod
        metadata: {name: one, namespace: objects, labels: {which: one, all: "yes"}}
        spec:
          terminationGracePeriodSeconds: 0
          containers: [{name: c, image: "fairway.local/toolbox:1", ports: [{name: web, containerPort: 3000}]}]
        ---
        apiVersion: v1
        kind: Pod
        metadata: {name: two, namespace: objects, labels: {which: two, all: "yes"}}
        spec:
          terminationGracePeriodSeconds: 0
          containers: [{name: c, image: "fairway.local/toolbox:1", ports: [{name: web, containerPort: 3001}, {name: more, containerPort: 3002}]}]
        """;
    cluster.shell().run("./fairway kubectl apply -f -", pods).good();
    cluster.kubectl("wait -n objects --for=condition=Ready pod --all --timeout=90s");
  }

  @AfterAll
  static void removePods(LabCluster cluster) {
    cluster.kubectl("delete namespace objects --timeout=120s");
  }

  private void play(String text) throws InterruptedException {
    new Transcript(
            cluster.shell(),
            Repository.root().resolve("fairway") + " kubectl",
            NAMESPACE,
            directory)
        .play(text);
  }

  /// EndpointSlice should support creating EndpointSlice API operations; Ingress API and
  /// IngressClass API should support creating API operations.
  @ParameterizedTest
  @CsvSource({
    "discovery.k8s.io, endpointslices, namespaces/objects/, \"addressType\": \"IPv4\"",
    "networking.k8s.io, ingresses, namespaces/objects/, \"spec\": {\"defaultBackend\": {\"service\": {\"name\": \"x\"}}}",
    "networking.k8s.io, ingressclasses, '', \"spec\": {\"controller\": \"example.com/none\"}",
  })
  void aKindHasEveryVerb(String group, String kind, String where, String content) throws Exception {
    String name =
        switch (kind) {
          case "endpointslices" -> "EndpointSlice";
          case "ingresses" -> "Ingress";
          default -> "IngressClass";
        };
    String spec =
        content
            .replace(
                "\"addressType\": \"IPv4\"",
                "\"addressType\": \"IPv4\", \"endpoints\": [{\"addresses\": [\"10.1.2.3\"]}]")
            .replace("\"name\": \"x\"", "\"name\": \"x\", \"port\": {\"number\": 80}");
    Files.writeString(
        directory.resolve("object"),
        "{\"apiVersion\": \"%s/v1\", \"kind\": \"%s\", \"metadata\": {\"name\": \"NAME\", \"labels\": {\"special\": \"yes\"}}, %s}"
            .formatted(group, name, spec));
    play(
        """
        $ k get --raw /apis
        "name":"GROUP"
        $ k get --raw /apis/GROUP
        "groupVersion":"GROUP/v1"
        $ k get --raw /apis/GROUP/v1
        "name":"KIND"
        $ k get --raw ALL | grep -o '"resourceVersion":"[0-9]*"' | head -n 1 | grep -o '[0-9]*' > since
        $ for i in 1 2 3; do sed s/NAME/conform-$i/ object; done | k create -f -
        created
        created
        created
        $ k get KIND conform-1 -o name
        conform-1
        $ k get KIND -l special=yes -o name
        conform-1
        conform-2
        conform-3
        $ k get KIND -A -l special=yes -o name
        conform-1
        conform-2
        conform-3
        $ k patch KIND conform-1 --type=merge -p '{"metadata":{"annotations":{"patched":"true"}}}'
        $ k get KIND conform-1 -o yaml | sed s/patched/updated/ | k replace -f -
        replaced
        $ k get KIND conform-1 -o jsonpath='{.metadata.annotations}'
        {"updated":"true"}
        $ k delete KIND conform-1
        ! k get KIND conform-1
        (NotFound)
        $ k delete --raw 'ALL?labelSelector=special%3Dyes' > deleted
        ~ [ -z "$(k get KIND -l special=yes -o name)" ]
        $ k get --raw "ALL?watch=1&resourceVersion=$(cat since)&timeoutSeconds=1&labelSelector=special%3Dyes" | grep -o '^{"type":"[A-Z]*"' | sort | uniq -c
        3 {"type":"ADDED"
        3 {"type":"DELETED"
        2 {"type":"MODIFIED"
        """
            .replace("ALL", "/apis/GROUP/v1/" + where + "KIND")
            .replace("GROUP", group)
            .replace("KIND", kind));
  }

  /// Ingress API should support creating Ingress API operations: the status.
  @Test
  void anIngresssStatusIsItsOwn() throws Exception {
    play(
        """
        $ k create ingress status --rule=/=x:80
        $ k patch ingress status --subresource=status --type=merge -p '{"status":{"loadBalancer":{"ingress":[{"ip":"169.1.1.1"}]}}}'
        $ k get ingress status --subresource=status -o yaml | sed s/169.1.1.1/169.1.1.2/ | k replace --subresource=status -f -
        $ k patch ingress status --type=merge -p '{"status":{"loadBalancer":{"ingress":[{"ip":"169.1.1.3"}]}}}'
        $ k get ingress status -o jsonpath='{.status.loadBalancer.ingress[0].ip}'
        169.1.1.2
        $ k delete ingress status
        """);
  }

  /// Services should complete a service status lifecycle.
  @Test
  void aServicesStatusIsItsOwn() throws Exception {
    play(
        """
        $ k create service clusterip status --tcp=80
        $ k get --raw /api/v1/namespaces/$NS/services/status/status
        "status":{"loadBalancer":{}}
        $ k patch service status --subresource=status --type=merge -p '{"metadata":{"annotations":{"patchedstatus":"true"}},"status":{"loadBalancer":{"ingress":[{"ip":"203.0.113.1"}]}}}'
        $ k get service status -o jsonpath='{.metadata.annotations} {.status.loadBalancer.ingress[0].ip}'
        {"patchedstatus":"true"} 203.0.113.1
        $ k get service status -o json > was
        $ python3 -c 'import json; s=json.load(open("was")); s["status"]["conditions"]=[{"type":"StatusUpdate","status":"True","reason":"E2E","message":"Set","lastTransitionTime":"2026-01-01T00:00:00Z"}]; json.dump(s, open("now","w"))' && k replace --subresource=status -f now
        $ k get service status -o jsonpath='{.status.conditions[0].type}'
        StatusUpdate
        $ k patch service status -p '{"metadata":{"labels":{"test-service":"patched"}},"status":{"conditions":null}}'
        $ k get service status -l test-service=patched -o jsonpath='{.items[0].status.conditions[0].reason}'
        E2E
        $ k delete service status
        """
            .replace("k get service status -l", "k get service -l"));
  }

  /// Services should delete a collection of services.
  @Test
  void servicesAreDeletedByLabel() throws Exception {
    play(
        """
        $ for i in 1 2 3; do k create service clusterip many-$i --tcp=80; k label service many-$i set=$((i / 3)) many=yes; done
        $ k get service -l many=yes -o name
        many-1
        many-2
        many-3
        $ k delete --raw "/api/v1/namespaces/$NS/services?labelSelector=set%3D0" > deleted
        ~ [ "$(k get service -l many=yes -o name)" = service/many-3 ]
        $ k delete service many-3
        """);
  }

  /// Services should find a service from listing all namespaces; should provide secure master
  /// service; EndpointSlice should have Endpoints and EndpointSlices pointing to API Server.
  @Test
  void theApiServersServiceIsThere() throws Exception {
    String address = cluster.machineAddress(10) + ":6443";
    play(
        """
        $ k get services -A
        default kubernetes
        $ K="$K -n default"; NS=default; k get service kubernetes -o jsonpath='{.spec.ports[0].name} {.spec.ports[0].port}'
        https 443
        $ NS=default; k get endpoints kubernetes -o jsonpath='{.subsets[0].addresses[0].ip}:{.subsets[0].ports[0].port}'
        ADDRESS
        $ NS=default; k get endpointslices -l kubernetes.io/service-name=kubernetes -o jsonpath='{.items[*].endpoints[0].addresses[0]}:{.items[*].ports[0].port} {.items[*].endpoints[0].conditions.ready}'
        ADDRESS true
        """
            .replace("ADDRESS", address));
  }

  /// Services should test the lifecycle of an Endpoint.
  @Test
  void endpointsAreWrittenByHand() throws Exception {
    Files.writeString(
        directory.resolve("endpoints"),
        """
        apiVersion: v1
        kind: Endpoints
        metadata: {name: hand, labels: {hand: "static"}}
        subsets: [{addresses: [{ip: 10.0.0.24}], ports: [{name: http, port: 80, protocol: TCP}]}]
        """);
    play(
        """
        $ k create -f endpoints
        $ k get endpoints -A -l hand=static -o jsonpath='{.items[0].metadata.resourceVersion}' > since
        $ k get endpoints hand -o yaml | sed s/static/updated/ | k replace -f -
        $ k get endpoints -A -l hand=updated -o name
        endpoints/hand
        $ k patch endpoints hand --type=merge -p '{"subsets":[{"addresses":[{"ip":"10.0.0.25"}],"ports":[{"name":"http-test","port":8080}]}]}'
        $ k get endpoints hand -o jsonpath='{.subsets[0].addresses[0].ip} {.subsets[0].ports[0].name} {.subsets[0].ports[0].port}'
        10.0.0.25 http-test 8080
        $ k delete --raw "/api/v1/namespaces/$NS/endpoints?labelSelector=hand%3Dupdated" > deleted
        ! k get endpoints hand
        (NotFound)
        $ k get --raw "/api/v1/namespaces/$NS/endpoints?watch=1&resourceVersion=$(cat since)&timeoutSeconds=1&fieldSelector=metadata.name%3Dhand" | grep -o '^{"type":"[A-Z]*"' | tail -n 1
        DELETED
        """);
  }

  /// EndpointSlice should create Endpoints and EndpointSlices for Pods matching a Service; should
  /// create and delete Endpoints and EndpointSlices for a Service with a selector specified.
  @Test
  void slicesFollowAServicesPods() throws Exception {
    Files.writeString(
        directory.resolve("services"),
        """
        apiVersion: v1
        kind: Service
        metadata: {name: single}
        spec: {selector: {which: one}, ports: [{name: web, port: 80, targetPort: web}]}
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: both}
        spec: {clusterIP: None, selector: {all: "yes"}, ports: [{name: web, port: 80, targetPort: web}, {name: zero, port: 81, targetPort: 9}]}
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: nobody}
        spec: {selector: {which: none}, ports: [{port: 80}]}
        """);
    String endpoints =
        "range='{range .subsets[*]}{range .ports[*]}{.port} {end}{.addresses[*].targetRef.name};{end}';"
            + " k get endpoints ";
    String slices =
        "range='{range .items[*]}{.metadata.labels.endpointslice\\.kubernetes\\.io/managed-by} {range .ports[*]}{.port} {end}{range .endpoints[*]}{.targetRef.name} {.conditions.ready} {end}{\"\\n\"}{end}';"
            + " k get endpointslices -o jsonpath=\"$range\" -l kubernetes.io/service-name=";
    play(
        """
        $ k create -f services
        ~ ENDPOINTSsingle -o jsonpath="$range"
        3000 one;
        ~ ENDPOINTSboth -o jsonpath="$range" | tr ';' '\\n' | sort
        3000 9 one
        3001 9 two
        ~ SLICESsingle
        endpointslice-controller.k8s.io 3000 one true
        ~ SLICESboth | sort
        endpointslice-controller.k8s.io 3000 9 one true
        endpointslice-controller.k8s.io 3001 9 two true
        $ k get endpointslices -l kubernetes.io/service-name=both,service.kubernetes.io/headless -o name
        both-
        ~ k get endpoints nobody -o jsonpath='{.metadata.name} {.subsets}.'
        nobody .
        ~ k get endpointslices -l kubernetes.io/service-name=nobody -o jsonpath='{.items[0].metadata.generateName} {.items[0].endpoints}.'
        nobody- .
        $ k delete service single both nobody
        ~ [ -z "$(k get endpoints single both nobody --ignore-not-found -o name; k get endpointslices -l 'kubernetes.io/service-name in (single, both, nobody)' -o name)" ]
        """
            .replace("ENDPOINTS", endpoints)
            .replace("SLICES", slices));
  }

  /// Services should serve a basic endpoint from pods; should serve multiport endpoints from pods:
  /// what the objects say while pods come and go.
  @Test
  void endpointsComeAndGoWithPods() throws Exception {
    Files.writeString(
        directory.resolve("service"),
        """
        apiVersion: v1
        kind: Service
        metadata: {name: going}
        spec: {selector: {going: "yes"}, ports: [{name: a, port: 80, targetPort: a}, {name: b, port: 81, targetPort: b}]}
        """);
    String run =
        "run() { k run $1 --image=fairway.local/toolbox:1 -l going=yes --overrides='{\"spec\":"
            + "{\"terminationGracePeriodSeconds\":0,\"containers\":[{\"name\":\"c\",\"image\":"
            + "\"fairway.local/toolbox:1\",\"ports\":[{\"name\":\"'$2'\",\"containerPort\":'$3'}]}]}}';"
            + " }; run ";
    String seen =
        "k get endpoints going -o jsonpath='{range .subsets[*]}{.ports[*].name} {.ports[*].port}"
            + " {.addresses[*].targetRef.name};{end}.'";
    play(
        """
        $ k create -f service
        ~ [ "$(SEEN)" = . ]
        $ RUNp1 a 100
        ~ [ "$(SEEN)" = 'a 100 p1;.' ]
        $ RUNp2 b 101
        ~ [ "$(SEEN)" = 'a 100 p1;b 101 p2;.' ]
        $ k delete pod p1
        ~ [ "$(SEEN)" = 'b 101 p2;.' ]
        $ k delete pod p2
        ~ [ "$(SEEN)" = . ]
        $ k delete service going
        """
            .replace("RUN", run)
            .replace("SEEN", seen));
  }

  /// EndpointSliceMirroring should mirror a custom Endpoints resource through create update and
  /// delete.
  @Test
  void endpointsByHandAreMirrored() throws Exception {
    Files.writeString(
        directory.resolve("mirrored"),
        """
        apiVersion: v1
        kind: Service
        metadata: {name: mirrored}
        spec: {ports: [{name: x, port: 80}]}
        ---
        apiVersion: v1
        kind: Endpoints
        metadata: {name: mirrored}
        subsets: [{addresses: [{ip: 10.1.2.3}], ports: [{name: x, port: 80, protocol: TCP}]}]
        """);
    String slices =
        "k get endpointslices -l kubernetes.io/service-name=mirrored,endpointslice.kubernetes.io/managed-by="
            + "endpointslicemirroring-controller.k8s.io -o jsonpath='{range .items[*]}"
            + "{.endpoints[*].addresses[*]} {.ports[*].name} {.ports[*].port};{end}'";
    play(
        """
        $ k create -f mirrored
        ~ SLICES
        10.1.2.3 x 80;
        $ k patch endpoints mirrored --type=merge -p '{"subsets":[{"addresses":[{"ip":"10.2.3.4"}],"ports":[{"name":"x","port":81}]}]}'
        ~ SLICES
        10.2.3.4 x 81;
        $ k delete endpoints mirrored
        ~ [ -z "$(SLICES)" ]
        $ k delete service mirrored
        """
            .replace("SLICES", slices));
  }

  /// Service endpoints latency should not be very high: the entry allows half of a hundred Services
  /// 20 seconds each, and nine of ten 50.
  @Test
  void aHundredServicesGetTheirEndpoints() throws Exception {
    StringBuilder services = new StringBuilder();
    for (int i = 0; i < 100; i++) {
      services.append(
          "---\napiVersion: v1\nkind: Service\nmetadata: {name: latency-%d, labels: {latency: here}}\n"
              .formatted(i));
      services.append("spec: {selector: {which: one}, ports: [{port: 80}]}\n");
    }
    Files.writeString(directory.resolve("hundred"), services);
    play(
        """
        $ k create -f hundred > created
        ~ k get endpoints -l latency=here -o jsonpath='{.items[*].subsets[*].addresses[*].targetRef.name}' | wc -w
        100
        ~ k get endpointslices -l latency=here -o jsonpath='{.items[*].endpoints[*].targetRef.name}' | wc -w
        100
        $ k delete --raw "/api/v1/namespaces/$NS/services?labelSelector=latency%3Dhere" > deleted
        """);
  }
}
