// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.rules;

import static dev.fairway.traffic.rules.KubeObjects.endpoint;
import static dev.fairway.traffic.rules.KubeObjects.port;
import static dev.fairway.traffic.rules.KubeObjects.ready;
import static dev.fairway.traffic.rules.KubeObjects.service;
import static dev.fairway.traffic.rules.KubeObjects.slice;
import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import dev.fairway.net.Protocol;
import dev.fairway.net.TransportAddress;
import dev.fairway.reconcile.ObjectKey;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.ServiceBuilder;
import io.fabric8.kubernetes.api.model.discovery.v1.Endpoint;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointBuilder;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSlice;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.junit.jupiter.api.Test;

/// What Services ask for. No kernel.
class ServiceRulesTest {
  private static final ServicesConfig CONFIG =
      ServicesConfig.of(
              "worker-0",
              List.of(IpAddress.parse("10.240.0.20")),
              List.of(Prefix.parse("10.200.0.0/16")))
          .withLeftAlone(Set.of(IpAddress.parse("10.32.0.10")))
          .withServiceRanges(List.of(Prefix.parse("10.32.0.0/16")));

  private final List<String> problems = new ArrayList<>();

  private String rules(List<Service> services, List<EndpointSlice> slices) {
    ServiceIndex index = new ServiceIndex(CONFIG, problems::add);
    index.set(services, slices);
    StringBuilder text = new StringBuilder();
    index.refresh();
    index.ruleSets().values().forEach(rules -> text.append(rules.print()));
    return text.toString();
  }

  @Test
  void everyPortOfAServiceGoesToThePortOfItsNameInTheSlices() {
    Service service =
        port(port(service("web", "10.32.0.5"), "http", "TCP", 80, 30080), "dns", "UDP", 53, null)
            .build();
    EndpointSlice slice =
        port(
                port(
                    slice("web", ready("worker-0", "10.200.0.7"), ready("worker-1", "10.200.1.2")),
                    "dns",
                    "UDP",
                    5353),
                "http",
                "TCP",
                8080)
            .build();
    assertThat(rules(List.of(service), List.of(slice)))
        .isEqualTo(
            """
            10.32.0.5:53/udp cluster -> 10.200.0.7:5353, 10.200.1.2:5353
            10.32.0.5:80/tcp cluster -> 10.200.0.7:8080, 10.200.1.2:8080
            10.240.0.20:30080/tcp external -> 10.200.0.7:8080, 10.200.1.2:8080
            refuse the rest of 10.32.0.5
            hairpin 10.200.0.7
            """);
    assertThat(problems).isEmpty();
  }

  @Test
  void onlyReadyEndpointsCountUnlessAllThatIsLeftIsEnding() {
    Service service = service("web", "10.32.0.5", "TCP", 80);
    EndpointSlice mixed =
        slice(
            "web",
            "TCP",
            8080,
            endpoint("a", "10.200.1.1", true, true, false),
            endpoint("a", "10.200.1.2", false, false, false),
            endpoint("a", "10.200.1.3", false, true, true));
    assertThat(rules(List.of(service), List.of(mixed)))
        .startsWith("10.32.0.5:80/tcp cluster -> 10.200.1.1:8080\n");
    EndpointSlice ending =
        slice(
            "web",
            "TCP",
            8080,
            endpoint("a", "10.200.1.2", false, false, true),
            endpoint("a", "10.200.1.3", false, true, true));
    assertThat(rules(List.of(service), List.of(ending)))
        .startsWith("10.32.0.5:80/tcp cluster -> 10.200.1.3:8080\n");
    EndpointSlice none = slice("web", "TCP", 8080, endpoint("a", "10.200.1.2", false, true, false));
    assertThat(rules(List.of(service), List.of(none)))
        .isEqualTo("10.32.0.5:80/tcp refused\nrefuse the rest of 10.32.0.5\n");
  }

  @Test
  void policiesAndAffinityAndExternalAddresses() {
    Service service =
        port(service("web", "10.32.0.5"), null, "TCP", 80, 30080)
            .editSpec()
            .withType("LoadBalancer")
            .withExternalTrafficPolicy("Local")
            .withSessionAffinity("ClientIP")
            .endSpec()
            .withNewStatus()
            .withNewLoadBalancer()
            .addNewIngress()
            .withIp("192.0.2.8")
            .endIngress()
            .endLoadBalancer()
            .endStatus()
            .build();
    EndpointSlice slice =
        slice("web", "TCP", 8080, ready("worker-0", "10.200.0.7"), ready("b", "10.200.1.2"));
    assertThat(rules(List.of(service), List.of(slice)))
        .isEqualTo(
            """
            10.32.0.5:80/tcp cluster sticky 10800 s -> 10.200.0.7:8080, 10.200.1.2:8080
            10.240.0.20:30080/tcp local sticky 10800 s -> 10.200.0.7:8080, 10.200.1.2:8080,\
             from outside -> 10.200.0.7:8080
            192.0.2.8:80/tcp local sticky 10800 s -> 10.200.0.7:8080, 10.200.1.2:8080,\
             from outside -> 10.200.0.7:8080
            refuse the rest of 10.32.0.5
            hairpin 10.200.0.7
            """);
    Service inside =
        new ServiceBuilder(service("in", "10.32.0.6", "TCP", 80))
            .editSpec()
            .withInternalTrafficPolicy("Local")
            .endSpec()
            .build();
    EndpointSlice away = slice("in", "TCP", 8080, ready("b", "10.200.1.2"));
    assertThat(rules(List.of(inside), List.of(away)))
        .isEqualTo("10.32.0.6:80/tcp dropped\nrefuse the rest of 10.32.0.6\n");
  }

  @Test
  void whatIsNotForThisNodeIsLeftAlone() {
    Service headless = service("headless", "None", "TCP", 80);
    Service dns = service("dns", "10.32.0.10", "UDP", 53);
    Service named =
        new ServiceBuilder(service("named", "10.32.0.9", "TCP", 80))
            .editSpec()
            .withType("ExternalName")
            .endSpec()
            .build();
    EndpointSlice slice = slice("dns", "UDP", 53, ready("worker-0", "10.200.0.7"));
    EndpointSlice orphan = slice("nobody", "TCP", 80, ready("worker-0", "10.200.0.8"));
    assertThat(rules(List.of(headless, dns, named), List.of(slice, orphan))).isEmpty();
    assertThat(problems).isEmpty();
  }

  @Test
  void bothFamilies() {
    Service service =
        new ServiceBuilder(service("web", "10.32.0.5", "TCP", 80))
            .editSpec()
            .withClusterIPs("10.32.0.5", "fd00:32::5")
            .endSpec()
            .build();
    EndpointSlice four = slice("web", "TCP", 8080, ready("a", "10.200.1.2"));
    EndpointSlice six = slice("web", "TCP", 8080, ready("a", "fd00:200::2"));
    six.getMetadata().setName("web-six");
    assertThat(rules(List.of(service), List.of(four, six)))
        .isEqualTo(
            """
            10.32.0.5:80/tcp cluster -> 10.200.1.2:8080
            refuse the rest of 10.32.0.5
            [fd00:32::5]:80/tcp cluster -> [fd00:200::2]:8080
            refuse the rest of fd00:32::5
            """);
  }

  @Test
  void whatCannotBeUnderstoodIsNamedAndLeftOut() {
    Service wrongAddress = service("one", "10.32.0.500", "TCP", 80);
    Service wrongProtocol = service("two", "10.32.0.6", "ICMP", 80);
    Service wrongPort = service("three", "10.32.0.7", "TCP", 70000);
    EndpointSlice wrongEndpoint =
        slice("three", "TCP", 80, ready("a", "10.200.1.2"), ready("a", "fd00::1"), ready("a", "x"));
    Service four = service("three", "10.32.0.7", "TCP", 80);
    wrongPort.getMetadata().setName("other");
    rules(List.of(wrongAddress, wrongProtocol, wrongPort, four), List.of(wrongEndpoint));
    assertThat(problems)
        .containsExactlyInAnyOrder(
            "Service default/one: spec.clusterIPs[0]: \"10.32.0.500\" is not an IP address; it is"
                + " left out",
            "Service default/two: spec.ports[0].protocol: \"ICMP\" is not TCP, UDP or SCTP; it is"
                + " left out",
            "Service default/other: spec.ports[0].port: 70000 is not from 1 to 65535; it is left"
                + " out",
            "EndpointSlice default/three-x1: endpoints[1].addresses[0]: fd00::1 is not of the"
                + " slice's addressType; it is left out",
            "EndpointSlice default/three-x1: endpoints[2].addresses[0]: \"x\" is not an IP address;"
                + " it is left out");
  }

  @Test
  void oneFrontHasOneOwner() {
    Service first = port(service("a", "10.32.0.5"), null, "TCP", 80, 30080).build();
    Service second = port(service("b", "10.32.0.6"), null, "TCP", 80, 30080).build();
    EndpointSlice ofFirst = slice("a", "TCP", 8080, ready("x", "10.200.1.2"));
    EndpointSlice ofSecond = slice("b", "TCP", 8080, ready("x", "10.200.1.3"));
    assertThat(rules(List.of(second, first), List.of(ofSecond, ofFirst)))
        .contains("10.240.0.20:30080/tcp external -> 10.200.1.2:8080\n");
    assertThat(problems)
        .containsExactly(
            "Service default/b: 10.240.0.20:30080/tcp is served by default/a already; give one of"
                + " them another port or address");
  }

  @Test
  void theRulesSayWhatHappensToAConnection() {
    Service web = port(service("web", "10.32.0.5"), null, "TCP", 80, 30080).build();
    EndpointSlice one = slice("web", "TCP", 8080, ready("b", "10.200.1.9"));
    ServiceIndex index = new ServiceIndex(CONFIG, problems::add);
    index.set(List.of(web), List.of(one));
    index.refresh();
    RuleSet rules = index.ruleSets().get(IpFamily.IPV4);
    IpAddress pod = IpAddress.parse("10.200.2.2");
    IpAddress outside = IpAddress.parse("10.240.0.1");
    IpAddress cluster = IpAddress.parse("10.32.0.5");
    Front inside = new Front(cluster, Protocol.TCP, 80);
    Front node = new Front(IpAddress.parse("10.240.0.20"), Protocol.TCP, 30080);
    List<TransportAddress> to = List.of(new TransportAddress(IpAddress.parse("10.200.1.9"), 8080));
    assertThat(rules.decide(pod, inside, CONFIG)).isEqualTo(new Decision.Redirected(to, false));
    assertThat(rules.decide(outside, inside, CONFIG)).isEqualTo(new Decision.Redirected(to, true));
    assertThat(rules.decide(pod, node, CONFIG)).isEqualTo(new Decision.Redirected(to, true));
    assertThat(rules.decide(pod, new Front(cluster, Protocol.UDP, 80), CONFIG))
        .isEqualTo(new Decision.Refused());
    assertThat(rules.decide(pod, new Front(outside, Protocol.TCP, 80), CONFIG))
        .isEqualTo(new Decision.Untouched());
  }

  @Test
  void whoComesFromOutsideStaysOnTheNodeIfThePolicySaysSo() {
    Service web = localLoadBalancer("web").build();
    EndpointSlice both =
        slice("web", "TCP", 8080, ready("worker-0", "10.200.0.7"), ready("b", "10.200.1.2"));
    EndpointSlice away = slice("web", "TCP", 8080, ready("b", "10.200.1.2"));
    Front node = new Front(IpAddress.parse("10.240.0.20"), Protocol.TCP, 30080);
    IpAddress pod = IpAddress.parse("10.200.2.2");
    IpAddress us = IpAddress.parse("10.240.0.20");
    IpAddress outside = IpAddress.parse("10.240.0.1");
    TransportAddress here = new TransportAddress(IpAddress.parse("10.200.0.7"), 8080);
    TransportAddress there = new TransportAddress(IpAddress.parse("10.200.1.2"), 8080);
    RuleSet rules = ruleSet(web, both);
    assertThat(rules.decide(outside, node, CONFIG))
        .isEqualTo(new Decision.Redirected(List.of(here), false));
    assertThat(rules.decide(pod, node, CONFIG))
        .isEqualTo(new Decision.Redirected(List.of(here, there), false));
    assertThat(rules.decide(us, node, CONFIG))
        .isEqualTo(new Decision.Redirected(List.of(here, there), true));
    RuleSet elsewhere = ruleSet(web, away);
    assertThat(elsewhere.decide(outside, node, CONFIG)).isEqualTo(new Decision.Dropped());
    assertThat(elsewhere.decide(pod, node, CONFIG))
        .isEqualTo(new Decision.Redirected(List.of(there), false));
    assertThat(ruleSet(web, slice("web", "TCP", 8080)).decide(outside, node, CONFIG))
        .isEqualTo(new Decision.Refused());
  }

  private static ServiceBuilder localLoadBalancer(String name) {
    return port(service(name, "10.32.0.5"), null, "TCP", 80, 30080)
        .editSpec()
        .withType("LoadBalancer")
        .withExternalTrafficPolicy("Local")
        .withHealthCheckNodePort(32000)
        .endSpec();
  }

  private RuleSet ruleSet(Service service, EndpointSlice slice) {
    ServiceIndex index = new ServiceIndex(CONFIG, problems::add);
    index.set(List.of(service), List.of(slice));
    index.refresh();
    return index.ruleSets().getOrDefault(IpFamily.IPV4, RuleSet.EMPTY);
  }

  @Test
  void onlyTheNamedRangesMayUseALoadBalancersAddress() {
    Service web =
        localLoadBalancer("web")
            .editSpec()
            .withLoadBalancerSourceRanges("198.51.100.0/24", "10.240.0.1/32")
            .endSpec()
            .withNewStatus()
            .withNewLoadBalancer()
            .addNewIngress()
            .withIp("192.0.2.8")
            .endIngress()
            .addNewIngress()
            .withIp("192.0.2.9")
            .withIpMode("Proxy")
            .endIngress()
            .endLoadBalancer()
            .endStatus()
            .build();
    RuleSet rules = ruleSet(web, slice("web", "TCP", 8080, ready("worker-0", "10.200.0.7")));
    Front balanced = new Front(IpAddress.parse("192.0.2.8"), Protocol.TCP, 80);
    Front node = new Front(IpAddress.parse("10.240.0.20"), Protocol.TCP, 30080);
    IpAddress stranger = IpAddress.parse("203.0.113.1");
    assertThat(rules.decide(stranger, balanced, CONFIG)).isEqualTo(new Decision.Dropped());
    assertThat(rules.decide(IpAddress.parse("10.240.0.1"), balanced, CONFIG))
        .isInstanceOf(Decision.Redirected.class);
    assertThat(rules.decide(stranger, node, CONFIG)).isInstanceOf(Decision.Redirected.class);
    assertThat(
            rules.decide(
                stranger, new Front(IpAddress.parse("192.0.2.9"), Protocol.TCP, 80), CONFIG))
        .as("a proxy is to be gone through")
        .isEqualTo(new Decision.Untouched());
    Service closed =
        new ServiceBuilder(web)
            .editSpec()
            .withLoadBalancerSourceRanges("2001:db8::/32", "somewhere")
            .endSpec()
            .build();
    RuleSet nobody = ruleSet(closed, slice("web", "TCP", 8080, ready("worker-0", "10.200.0.7")));
    assertThat(nobody.decide(stranger, balanced, CONFIG)).isEqualTo(new Decision.Dropped());
    assertThat(problems)
        .containsExactly(
            "Service default/web: spec.loadBalancerSourceRanges[1]: \"somewhere\" is not a prefix:"
                + " it has no /length; it is left out");
  }

  @Test
  void whatGoesToAnAddressThatNoServiceHasIsDropped() {
    RuleSet rules = ruleSet(service("web", "10.32.0.5", "TCP", 80), slice("web", "TCP", 8080));
    IpAddress pod = IpAddress.parse("10.200.2.2");
    Front nobodys = new Front(IpAddress.parse("10.32.9.9"), Protocol.TCP, 80);
    Front dns = new Front(IpAddress.parse("10.32.0.10"), Protocol.UDP, 53);
    assertThat(rules.decide(pod, nobodys, CONFIG)).isEqualTo(new Decision.Dropped());
    assertThat(rules.decide(pod, dns, CONFIG)).isEqualTo(new Decision.Untouched());
  }

  @Test
  void externalIpsAreServedOnlyIfTheAdministratorSaysSo() {
    Service web =
        new ServiceBuilder(service("web", "10.32.0.5", "TCP", 80))
            .editSpec()
            .withExternalIPs("192.0.2.7")
            .endSpec()
            .build();
    EndpointSlice slice = slice("web", "TCP", 8080, ready("b", "10.200.1.2"));
    Front external = new Front(IpAddress.parse("192.0.2.7"), Protocol.TCP, 80);
    assertThat(ruleSet(web, slice).target(external)).isEmpty();
    assertThat(problems)
        .containsExactly(
            "Service default/web: spec.externalIPs: external IPs are not served here unless the"
                + " administrator turns them on; it is left out");
    ServiceIndex index = new ServiceIndex(CONFIG.withExternalIps(true), problems::add);
    index.set(List.of(web), List.of(slice));
    index.refresh();
    assertThat(index.target(external)).isPresent();
  }

  @Test
  void endpointsMeantForThisNodeOrZoneComeFirst() {
    Service web = service("web", "10.32.0.5", "TCP", 80);
    EndpointSlice slice =
        slice(
            "web",
            "TCP",
            8080,
            hinted(ready("a", "10.200.1.1"), "east", "a"),
            hinted(ready("b", "10.200.1.2"), "west", "b"),
            hinted(ready("c", "10.200.1.3"), "west", "c"));
    ServiceIndex index = new ServiceIndex(CONFIG, problems::add);
    index.set(List.of(web), List.of(slice));
    Front front = new Front(IpAddress.parse("10.32.0.5"), Protocol.TCP, 80);
    assertThat(endpoints(index, front)).hasSize(3);
    index.zone("west");
    assertThat(endpoints(index, front)).containsExactly("10.200.1.2:8080", "10.200.1.3:8080");
    index.zone("north");
    assertThat(endpoints(index, front)).as("none for this zone").hasSize(3);
    index.zone("west");
    EndpointSlice one = slice("web", "TCP", 8080, ready("a", "10.200.1.1"));
    one.getMetadata().setName("without-hints");
    index.changed(ObjectKey.of(one), null, one);
    assertThat(endpoints(index, front)).as("not everybody has hints").hasSize(3);
    EndpointSlice here =
        slice(
            "web",
            "TCP",
            8080,
            hinted(ready("worker-0", "10.200.0.1"), "west", "worker-0"),
            hinted(ready("b", "10.200.1.2"), "west", "b"));
    index.set(List.of(web), List.of(here));
    assertThat(endpoints(index, front)).containsExactly("10.200.0.1:8080");
  }

  private static Endpoint hinted(Endpoint endpoint, String zone, String node) {
    return new EndpointBuilder(endpoint)
        .withNewHints()
        .addNewForZone(zone)
        .addNewForNode(node)
        .endHints()
        .build();
  }

  private static List<String> endpoints(ServiceIndex index, Front front) {
    index.refresh();
    return index.target(front).stream()
        .flatMap(target -> ((Target.Balanced) target).endpoints().stream())
        .map(TransportAddress::toString)
        .toList();
  }

  @Test
  void loadBalancersMayAskAfterTheNode() {
    ServiceIndex index = new ServiceIndex(CONFIG, problems::add);
    EndpointSlice four =
        slice("web", "TCP", 8080, ready("worker-0", "10.200.0.7"), ready("b", "10.200.1.2"));
    Service other = localLoadBalancer("other").build();
    index.set(List.of(localLoadBalancer("web").build(), other), List.of(four));
    index.refresh();
    assertThat(index.healthChecks())
        .containsExactly(
            Map.entry(32000, new HealthCheck(new ObjectKey("default", "other"), 32000, 0)));
    assertThat(problems)
        .contains(
            "Service default/web: spec.healthCheckNodePort: 32000 is that of default/other already;"
                + " give one of them another");
    index.set(List.of(localLoadBalancer("web").build()), List.of(four));
    index.refresh();
    assertThat(index.healthChecks().get(32000).localEndpoints()).isEqualTo(1);
  }

  @Test
  void slicesCannotLeadToTheNodeItselfOrToOthersNamespaces() {
    Service web = service("web", "10.32.0.5", "TCP", 80);
    EndpointSlice slice =
        slice(
            "web",
            "TCP",
            8080,
            ready("worker-0", "127.0.0.1"),
            ready("worker-0", "169.254.169.254"),
            ready("worker-0", "224.0.0.1"),
            new EndpointBuilder(ready("worker-0", "10.200.0.9"))
                .withNewTargetRef()
                .withKind("Pod")
                .withNamespace("kube-system")
                .withName("secret")
                .endTargetRef()
                .build());
    assertThat(rules(List.of(web), List.of(slice)))
        .isEqualTo("10.32.0.5:80/tcp refused\nrefuse the rest of 10.32.0.5\n");
    assertThat(problems).hasSize(4);
    assertThat(problems.getLast())
        .isEqualTo(
            "EndpointSlice default/web-x1: endpoints[3].targetRef.namespace: \"kube-system\" is not"
                + " the slice's namespace; it is left out");
  }

  /// `allocateLoadBalancerNodePorts: false`: the API server gives it no node port.
  @Test
  void aLoadBalancerWithoutNodePortsIsServedAtItsAddress() {
    Service service =
        port(service("web", "10.32.0.5"), null, "TCP", 80, null)
            .editSpec()
            .withType("LoadBalancer")
            .withAllocateLoadBalancerNodePorts(false)
            .endSpec()
            .withNewStatus()
            .withNewLoadBalancer()
            .addNewIngress()
            .withIp("192.0.2.8")
            .endIngress()
            .endLoadBalancer()
            .endStatus()
            .build();
    assertThat(
            rules(List.of(service), List.of(slice("web", "TCP", 8080, ready("a", "10.200.1.2")))))
        .isEqualTo(
            """
            10.32.0.5:80/tcp cluster -> 10.200.1.2:8080
            192.0.2.8:80/tcp external -> 10.200.1.2:8080
            refuse the rest of 10.32.0.5
            """);
  }

  @Test
  void nodePortsAreServedAtTheAddressesThatAreNamed() {
    ServicesConfig two =
        CONFIG.withNodePortAddresses(
            List.of(
                IpAddress.parse("10.240.0.20"),
                IpAddress.parse("192.168.7.1"),
                IpAddress.parse("fd00:2::20")));
    Service service = port(service("web", "10.32.0.5"), null, "TCP", 80, 30080).build();
    EndpointSlice slice = slice("web", "TCP", 8080, ready("a", "10.200.1.2"));
    assertThat(fronts(two, service, slice))
        .containsExactlyInAnyOrder(
            "10.32.0.5:80/tcp", "10.240.0.20:30080/tcp", "192.168.7.1:30080/tcp");
    assertThat(fronts(CONFIG.withNodePortAddresses(List.of()), service, slice))
        .containsExactly("10.32.0.5:80/tcp");
  }

  private static List<String> fronts(ServicesConfig config, Service service, EndpointSlice slice) {
    ServiceIndex index = new ServiceIndex(config, problem -> {});
    index.set(List.of(service), List.of(slice));
    index.refresh();
    List<String> fronts = new ArrayList<>();
    index.forEach((front, target) -> fronts.add(front.toString()));
    return fronts;
  }

  /// Several ServiceCIDRs: an address of any of them that no Service has gets no answer, and a
  /// Service may have its address from any.
  @Test
  void everyServiceRangeIsTheServices() {
    ServicesConfig several =
        CONFIG.withServiceRanges(
            List.of(
                Prefix.parse("10.32.0.0/16"),
                Prefix.parse("10.96.0.0/24"),
                Prefix.parse("fd00:32::/112")));
    ServiceIndex index = new ServiceIndex(several, problems::add);
    index.set(
        List.of(service("one", "10.32.0.5", "TCP", 80), service("two", "10.96.0.5", "TCP", 80)),
        List.of(
            slice("one", "TCP", 8080, ready("a", "10.200.1.1")),
            slice("two", "TCP", 8080, ready("a", "10.200.1.2"))));
    index.refresh();
    RuleSet rules = Objects.requireNonNull(index.ruleSets().get(IpFamily.IPV4));
    IpAddress pod = IpAddress.parse("10.200.0.7");
    assertThat(rules.decide(pod, front("10.32.0.5"), several))
        .isInstanceOf(Decision.Redirected.class);
    assertThat(rules.decide(pod, front("10.96.0.5"), several))
        .isInstanceOf(Decision.Redirected.class);
    assertThat(rules.decide(pod, front("10.32.9.9"), several)).isInstanceOf(Decision.Dropped.class);
    assertThat(rules.decide(pod, front("10.96.0.9"), several)).isInstanceOf(Decision.Dropped.class);
    assertThat(rules.decide(pod, front("10.97.0.9"), several))
        .isInstanceOf(Decision.Untouched.class);
    assertThat(RuleSet.EMPTY.decide(IpAddress.parse("fd00::7"), front("fd00:32::9"), several))
        .isInstanceOf(Decision.Dropped.class);
  }

  private static Front front(String address) {
    return new Front(IpAddress.parse(address), Protocol.TCP, 80);
  }

  /// What a Service was not given is remembered no longer than the Service wants it.
  @Test
  void refusedAddressesAreForgottenWithWhoeverWantedThem() {
    PodAddresses pods = new PodAddresses();
    ObjectKey one = new ObjectKey("default", "one");
    ObjectKey two = new ObjectKey("default", "two");
    for (int i = 1; i < 200; i++) {
      pods.refuse(IpAddress.parse("10.200.3." + i), one);
      pods.refuse(IpAddress.parse("10.200.3.1"), two);
      pods.forget(one);
      assertThat(pods.refusals()).isEqualTo(1);
    }
    assertThat(pods.forget(IpAddress.parse("10.200.3.1"))).containsExactly(two);
    pods.forget(two);
    assertThat(pods.refusals()).isZero();
  }
}
