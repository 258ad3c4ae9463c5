// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.rules;

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
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSlice;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/// How one set of rules becomes another. No kernel.
class PlanTest {
  private final List<String> problems = new ArrayList<>();
  private RuleSet last = RuleSet.EMPTY;

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
    ServicesConfig config =
        ServicesConfig.of(
                "worker-0",
                List.of(IpAddress.parse("10.240.0.20")),
                List.of(Prefix.parse("10.200.0.0/16")))
            .withServiceRanges(List.of(Prefix.parse("10.32.0.0/16")));
    ServiceIndex index = new ServiceIndex(config, problems::add);
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
      Map<Front, String> fronts = new HashMap<>();
      Map<Plan.EndpointKey, TransportAddress> endpoints = new HashMap<>();
      Set<Plan.Kept> kept = new HashSet<>();
      elements(before, fronts, endpoints, kept);
      plan.deletedFronts().forEach(front -> assertThat(fronts.remove(front)).isNotNull());
      plan.newFronts()
          .forEach(added -> assertThat(fronts.put(added.front(), way(added.target()))).isNull());
      plan.deletedEndpoints().forEach(key -> assertThat(endpoints.remove(key)).isNotNull());
      plan.newEndpoints()
          .forEach(added -> assertThat(endpoints.put(added.key(), added.address())).isNull());
      plan.deletedKept().forEach(one -> assertThat(kept.remove(one)).isTrue());
      plan.newKept().forEach(one -> assertThat(kept.add(one)).isTrue());
      Map<Front, String> wantedFronts = new HashMap<>();
      Map<Plan.EndpointKey, TransportAddress> wantedEndpoints = new HashMap<>();
      Set<Plan.Kept> wantedKept = new HashSet<>();
      elements(after, wantedFronts, wantedEndpoints, wantedKept);
      assertThat(fronts).isEqualTo(wantedFronts);
      assertThat(endpoints).isEqualTo(wantedEndpoints);
      assertThat(kept).isEqualTo(wantedKept);
      assertThat(plan.deletedWays()).noneMatch(way -> fronts.containsValue(way.chain()));
      assertThat(after.targets().values().stream().flatMap(target -> target.ways().stream()))
          .containsAll(plan.newWays());
    }
  }

  private static String way(Target target) {
    return target instanceof Target.Balanced balanced ? balanced.way().chain() : target.toString();
  }

  private static void elements(
      RuleSet rules,
      Map<Front, String> fronts,
      Map<Plan.EndpointKey, TransportAddress> endpoints,
      Set<Plan.Kept> kept) {
    rules
        .targets()
        .forEach((front, target) -> {
          fronts.put(front, way(target));
          if (target instanceof Target.Balanced balanced) {
            put(front, 0, balanced.endpoints(), endpoints);
            put(front, Plan.HERE, balanced.here(), endpoints);
            Plan.numbers(balanced)
                .forEach(one -> kept.add(new Plan.Kept(front, one.number(), one.endpoint())));
          }
        });
  }

  private static void put(
      Front front,
      int first,
      List<TransportAddress> some,
      Map<Plan.EndpointKey, TransportAddress> endpoints) {
    for (int i = 0; i < some.size(); i++) {
      endpoints.put(new Plan.EndpointKey(front, first + i), some.get(i));
    }
  }

  private static RuleSet random(Random random) {
    Map<Front, Target> targets = new HashMap<>();
    for (int i = random.nextInt(6); i > 0; i--) {
      Front front =
          new Front(
              IpAddress.parse("10.32.0.0").plus(random.nextInt(3)),
              random.nextBoolean() ? Protocol.TCP : Protocol.UDP,
              80);
      targets.put(front, randomTarget(random));
    }
    return new RuleSet(targets, new HashSet<>(), new HashSet<>());
  }

  private static Target randomTarget(Random random) {
    Target.Reach reach = List.of(Target.Reach.values()).get(random.nextInt(3));
    List<TransportAddress> endpoints = randomEndpoints(random);
    List<TransportAddress> here = reach == Target.Reach.LOCAL ? randomEndpoints(random) : List.of();
    if (endpoints.isEmpty() && here.isEmpty()) {
      return random.nextBoolean() ? new Target.Refused() : new Target.Dropped();
    }
    Optional<Duration> affinity =
        random.nextBoolean()
            ? Optional.empty()
            : Optional.of(Duration.ofSeconds(1 + random.nextInt(2)));
    List<Prefix> sources =
        random.nextInt(3) > 0 ? List.of() : List.of(Prefix.parse("192.0.2.0/24"));
    return new Target.Balanced(reach, affinity, endpoints, here, sources);
  }

  private static List<TransportAddress> randomEndpoints(Random random) {
    Set<TransportAddress> endpoints = new TreeSet<>();
    for (int j = random.nextInt(4); j > 0; j--) {
      IpAddress address = IpAddress.parse("10.200.0.0").plus(random.nextInt(5));
      endpoints.add(new TransportAddress(address, 80 + random.nextInt(2)));
    }
    return List.copyOf(endpoints);
  }
}
