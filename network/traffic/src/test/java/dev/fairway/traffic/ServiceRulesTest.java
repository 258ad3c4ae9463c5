// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic;

import static dev.fairway.traffic.KubeObjects.endpoint;
import static dev.fairway.traffic.KubeObjects.port;
import static dev.fairway.traffic.KubeObjects.ready;
import static dev.fairway.traffic.KubeObjects.service;
import static dev.fairway.traffic.KubeObjects.slice;
import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import dev.fairway.net.Protocol;
import dev.fairway.net.TransportAddress;
import dev.fairway.reconcile.ObjectKey;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.ServiceBuilder;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSlice;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

/// What Services ask for, and how one set of rules becomes another. No kernel.
class ServiceRulesTest {
  private static final ServicesConfig CONFIG =
      new ServicesConfig(
          "worker-0",
          List.of(IpAddress.parse("10.240.0.20")),
          List.of(Prefix.parse("10.200.0.0/16")),
          Set.of(IpAddress.parse("10.32.0.10")));

  private final List<String> problems = new ArrayList<>();
  private RuleSet last = RuleSet.EMPTY;

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
    assertThat(rules(List.of(service), List.of(none))).isEqualTo("refuse the rest of 10.32.0.5\n");
  }

  @Test
  void policiesAndAffinityAndExternalAddresses() {
    Service service =
        port(service("web", "10.32.0.5"), null, "TCP", 80, 30080)
            .editSpec()
            .withExternalTrafficPolicy("Local")
            .withSessionAffinity("ClientIP")
            .withExternalIPs("192.0.2.7")
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
            10.32.0.5:80/tcp cluster sticky -> 10.200.0.7:8080, 10.200.1.2:8080
            10.240.0.20:30080/tcp local sticky -> 10.200.0.7:8080
            192.0.2.7:80/tcp local sticky -> 10.200.0.7:8080
            192.0.2.8:80/tcp local sticky -> 10.200.0.7:8080
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
    assertThat(rules(List.of(inside), List.of(away))).isEqualTo("refuse the rest of 10.32.0.6\n");
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
    RuleSet rules = four(index);
    IpAddress pod = IpAddress.parse("10.200.2.2");
    IpAddress outside = IpAddress.parse("10.240.0.1");
    IpAddress cluster = IpAddress.parse("10.32.0.5");
    Front inside = new Front(cluster, Protocol.TCP, 80);
    Front node = new Front(IpAddress.parse("10.240.0.20"), Protocol.TCP, 30080);
    List<TransportAddress> to = List.of(new TransportAddress(IpAddress.parse("10.200.1.9"), 8080));
    List<Prefix> pods = CONFIG.podPrefixes();
    assertThat(rules.decide(pod, inside, pods)).isEqualTo(new Decision.Redirected(to, false));
    assertThat(rules.decide(outside, inside, pods)).isEqualTo(new Decision.Redirected(to, true));
    assertThat(rules.decide(pod, node, pods)).isEqualTo(new Decision.Redirected(to, true));
    assertThat(rules.decide(pod, new Front(cluster, Protocol.UDP, 80), pods))
        .isEqualTo(new Decision.Refused());
    assertThat(rules.decide(pod, new Front(outside, Protocol.TCP, 80), pods))
        .isEqualTo(new Decision.Untouched());
  }

  @Test
  void aPlanChangesOnlyWhatDiffers() {
    Service service = port(service("web", "10.32.0.5"), null, "TCP", 80, null).build();
    Service other = service("other", "10.32.0.6", "TCP", 80);
    EndpointSlice two =
        slice("web", "TCP", 8080, ready("worker-0", "10.200.0.7"), ready("b", "10.200.1.2"));
    EndpointSlice moved =
        slice("web", "TCP", 8080, ready("worker-0", "10.200.0.7"), ready("b", "10.200.1.9"));
    EndpointSlice one = slice("web", "TCP", 8080, ready("b", "10.200.1.9"));
    EndpointSlice ofOther = slice("other", "TCP", 8080, ready("b", "10.200.1.4"));
    ServiceIndex index = new ServiceIndex(CONFIG, problems::add);
    index.set(List.of(service, other), List.of(two, ofOther));
    RuleSet first = four(index);
    assertThat(Plan.between(RuleSet.EMPTY, first).print())
        .isEqualTo(
            """
            add chain cluster-1
            add chain cluster-2
            add 10.32.0.5:80/tcp goto cluster-2
            add 10.32.0.6:80/tcp goto cluster-1
            add 10.32.0.5:80/tcp [0] 10.200.0.7:8080
            add 10.32.0.5:80/tcp [1] 10.200.1.2:8080
            add 10.32.0.6:80/tcp [0] 10.200.1.4:8080
            refuse the rest of 10.32.0.5
            refuse the rest of 10.32.0.6
            add hairpin 10.200.0.7
            """);
    index.changed(ObjectKey.of(two), two, moved);
    RuleSet second = four(index);
    assertThat(Plan.between(first, second).print())
        .isEqualTo(
            """
            delete 10.32.0.5:80/tcp [1]
            add 10.32.0.5:80/tcp [1] 10.200.1.9:8080
            """);
    index.changed(ObjectKey.of(two), moved, one);
    RuleSet third = four(index);
    assertThat(Plan.between(second, third).print())
        .isEqualTo(
            """
            delete 10.32.0.5:80/tcp
            add 10.32.0.5:80/tcp goto cluster-1
            delete 10.32.0.5:80/tcp [0]
            delete 10.32.0.5:80/tcp [1]
            add 10.32.0.5:80/tcp [0] 10.200.1.9:8080
            delete hairpin 10.200.0.7
            delete chain cluster-2
            """);
    assertThat(Plan.between(third, third).isEmpty()).isTrue();
  }

  private RuleSet four(ServiceIndex index) {
    Plan plan = index.refresh().get(IpFamily.IPV4);
    RuleSet rules = index.ruleSets().getOrDefault(IpFamily.IPV4, RuleSet.EMPTY);
    // What the book kept while it changed is what a look at the whole finds.
    assertThat(plan).isNotNull();
    assertThat(plan.print()).isEqualTo(Plan.between(last, rules).print());
    last = rules;
    return rules;
  }

  /// Whatever the two rule sets are, the plan's steps turn the elements of one into the other's.
  @Test
  void plansAreExact() {
    Random random = new Random(3);
    for (int round = 0; round < 500; round++) {
      RuleSet before = random(random);
      RuleSet after = random(random);
      Plan plan = Plan.between(before, after);
      Map<Front, Target.Way> fronts = new HashMap<>();
      Map<Plan.EndpointKey, TransportAddress> endpoints = new HashMap<>();
      elements(before, fronts, endpoints);
      plan.deletedFronts().forEach(front -> assertThat(fronts.remove(front)).isNotNull());
      plan.newFronts()
          .forEach(added -> assertThat(fronts.put(added.front(), added.way())).isNull());
      plan.deletedEndpoints().forEach(key -> assertThat(endpoints.remove(key)).isNotNull());
      plan.newEndpoints()
          .forEach(added -> assertThat(endpoints.put(added.key(), added.address())).isNull());
      Map<Front, Target.Way> wantedFronts = new HashMap<>();
      Map<Plan.EndpointKey, TransportAddress> wantedEndpoints = new HashMap<>();
      elements(after, wantedFronts, wantedEndpoints);
      assertThat(fronts).isEqualTo(wantedFronts);
      assertThat(endpoints).isEqualTo(wantedEndpoints);
      assertThat(plan.deletedWays()).noneMatch(fronts::containsValue);
      assertThat(plan.newWays()).allMatch(fronts::containsValue);
    }
  }

  private static void elements(
      RuleSet rules,
      Map<Front, Target.Way> fronts,
      Map<Plan.EndpointKey, TransportAddress> endpoints) {
    rules
        .targets()
        .forEach((front, target) -> {
          fronts.put(front, target.way());
          for (int i = 0; i < target.endpoints().size(); i++) {
            endpoints.put(new Plan.EndpointKey(front, i), target.endpoints().get(i));
          }
        });
  }

  private static RuleSet random(Random random) {
    Map<Front, Target> targets = new HashMap<>();
    for (int i = random.nextInt(6); i > 0; i--) {
      List<TransportAddress> endpoints = new ArrayList<>();
      for (int j = random.nextInt(4); j >= 0; j--) {
        IpAddress address = IpAddress.parse("10.200.0.0").plus(random.nextInt(5));
        endpoints.add(new TransportAddress(address, 80 + random.nextInt(2)));
      }
      Front front =
          new Front(
              IpAddress.parse("10.32.0.0").plus(random.nextInt(3)),
              random.nextBoolean() ? Protocol.TCP : Protocol.UDP,
              80);
      Target.Reach reach =
          List.of(Target.Reach.CLUSTER, Target.Reach.EXTERNAL, Target.Reach.LOCAL)
              .get(random.nextInt(3));
      targets.put(front, new Target(reach, random.nextBoolean(), endpoints));
    }
    return new RuleSet(targets, new HashSet<>(), new HashSet<>());
  }
}
