// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.rules;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import dev.fairway.net.TransportAddress;
import dev.fairway.reconcile.ObjectKey;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.ServiceBuilder;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSlice;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSliceBuilder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/// Services and slices as somebody's own API server, or somebody who may write slices, could say
/// them.
class ServiceReaderFuzzTest {
  private static final int ROUNDS = Integer.getInteger("fairway.fuzz.rounds", 3000);
  private static final int NAMES = 6;

  private static final List<String> ADDRESSES =
      List.of(
          "10.32.0.5",
          "10.32.0.6",
          "10.200.0.7",
          "10.200.1.2",
          "203.0.113.9",
          "fd00::5",
          "fd00:1::7",
          "::ffff:10.200.0.7",
          "127.0.0.1",
          "::1",
          "169.254.169.254",
          "fe80::1",
          "224.0.0.1",
          "0.0.0.0",
          "::",
          "None",
          "",
          " 10.32.0.5",
          "010.32.0.5",
          "10.32.0.256",
          "1e9",
          "10.32.0.5\n-A INPUT",
          "not-an-address");

  private static final List<String> RANGES =
      List.of("10.0.0.0/8", "0.0.0.0/0", "::/0", "10.0.0.1/33", "/", "10.0.0.0", "", " fd00::/8 ");

  private static final List<String> WORDS =
      List.of(
          "TCP", "UDP", "SCTP", "tcp", "", "ICMP", "Local", "Cluster", "ClientIP", "web", "x\"");

  private static final int[] PORTS = {80, 443, 8080, 30080, 1, 65535, 0, -1, 65536, 1 << 30};

  private static final ServicesConfig CONFIG =
      ServicesConfig.of(
          "worker-0",
          List.of(IpAddress.parse("10.240.0.20"), IpAddress.parse("fd00:2::20")),
          List.of(Prefix.parse("10.200.0.0/16")));

  private final Random random = new Random(4);

  /// Whatever is said, nothing is thrown, no endpoint is what no pod may have, what is wrong is
  /// told of an object and a field, and what changes one by one ends as if it had come at once.
  @Test
  void nothingThatIsSaidDoesHarm() {
    List<String> problems = new ArrayList<>();
    Map<ObjectKey, Service> services = new LinkedHashMap<>();
    Map<ObjectKey, EndpointSlice> slices = new LinkedHashMap<>();
    ServiceIndex index = new ServiceIndex(CONFIG, problems::add);
    for (int round = 0; round < ROUNDS; round++) {
      ObjectKey key = new ObjectKey("default", "s" + random.nextInt(NAMES));
      if (random.nextBoolean()) {
        Service service = random.nextInt(5) == 0 ? null : service(key);
        put(services, key, service);
        index.changed(key, service);
      } else {
        EndpointSlice slice = random.nextInt(5) == 0 ? null : slice(key);
        index.changed(key, put(slices, key, slice), slice);
      }
      index.refresh();
      if (round % 10 == 0) {
        ServiceIndex anew = new ServiceIndex(CONFIG, problem -> {});
        anew.set(services.values(), slices.values());
        anew.refreshAll();
        assertThat(print(index)).as("round %d", round).isEqualTo(print(anew));
        index.ruleSets().values().forEach(ServiceReaderFuzzTest::isHarmless);
      }
    }
    assertThat(problems)
        .isNotEmpty()
        .allMatch(told -> told.matches("(?s)(Service|EndpointSlice) default/s\\d+: .+"));
  }

  private static <T> @Nullable T put(Map<ObjectKey, T> all, ObjectKey key, @Nullable T one) {
    return one == null ? all.remove(key) : all.put(key, one);
  }

  private static String print(ServiceIndex index) {
    StringBuilder text = new StringBuilder();
    for (IpFamily family : IpFamily.values()) {
      RuleSet rules = index.ruleSets().get(family);
      text.append(rules == null ? "" : rules.print());
    }
    return text.toString();
  }

  private static void isHarmless(RuleSet rules) {
    rules
        .targets()
        .forEach((front, target) -> {
          if (target instanceof Target.Balanced balanced) {
            for (TransportAddress endpoint : balanced.endpoints()) {
              IpAddress address = endpoint.address();
              assertThat(address.family()).isEqualTo(front.family());
              assertThat(address)
                  .matches(one -> !one.isLoopback() && !one.isLinkLocal())
                  .matches(one -> !one.isMulticast() && !one.isUnspecified());
              assertThat(endpoint.port()).isBetween(1, 65535);
            }
          }
        });
  }

  private Service service(ObjectKey key) {
    ServiceBuilder service =
        new ServiceBuilder()
            .withNewMetadata()
            .withNamespace(key.namespace())
            .withName(key.name())
            .endMetadata();
    if (random.nextInt(20) == 0) {
      return service.build();
    }
    service
        .withNewSpec()
        .withType(oneOf(List.of("ClusterIP", "NodePort", "LoadBalancer", "ExternalName", "")))
        .withClusterIP(oneOf(ADDRESSES))
        .withClusterIPs(some(ADDRESSES))
        .withExternalIPs(some(ADDRESSES))
        .withLoadBalancerSourceRanges(some(RANGES))
        .withInternalTrafficPolicy(oneOf(WORDS))
        .withExternalTrafficPolicy(oneOf(WORDS))
        .withSessionAffinity(oneOf(WORDS))
        .withHealthCheckNodePort(port())
        .endSpec();
    for (int i = random.nextInt(3); i >= 0; i--) {
      service
          .editSpec()
          .addNewPort()
          .withName(oneOf(WORDS))
          .withProtocol(oneOf(WORDS))
          .withPort(port())
          .withNodePort(port())
          .endPort()
          .endSpec();
    }
    if (random.nextBoolean()) {
      service
          .withNewStatus()
          .withNewLoadBalancer()
          .addNewIngress()
          .withIp(oneOf(ADDRESSES))
          .withIpMode(oneOf(List.of("VIP", "Proxy", "")))
          .endIngress()
          .endLoadBalancer()
          .endStatus();
    }
    return service.build();
  }

  private EndpointSlice slice(ObjectKey key) {
    EndpointSliceBuilder slice =
        new EndpointSliceBuilder()
            .withNewMetadata()
            .withNamespace(key.namespace())
            .withName(key.name())
            .withLabels(
                random.nextInt(9) == 0
                    ? null
                    : Map.of("kubernetes.io/service-name", "s" + random.nextInt(NAMES)))
            .endMetadata()
            .withAddressType(oneOf(List.of("IPv4", "IPv6", "FQDN", "")));
    for (int i = random.nextInt(3); i > 0; i--) {
      slice
          .addNewPort()
          .withName(oneOf(WORDS))
          .withProtocol(oneOf(WORDS))
          .withPort(port())
          .endPort();
    }
    for (int i = random.nextInt(4); i > 0; i--) {
      slice
          .addNewEndpoint()
          .withAddresses(some(ADDRESSES))
          .withNodeName(random.nextBoolean() ? "worker-0" : oneOf(WORDS))
          .withNewTargetRef()
          .withNamespace(random.nextInt(9) == 0 ? "other" : "default")
          .withName(oneOf(WORDS))
          .endTargetRef()
          .withNewConditions()
          .withReady(maybe())
          .withServing(maybe())
          .withTerminating(maybe())
          .endConditions()
          .endEndpoint();
    }
    return slice.build();
  }

  private @Nullable String oneOf(List<String> some) {
    int at = random.nextInt(some.size() + 1);
    return at == some.size() ? null : some.get(at);
  }

  private String[] some(List<String> some) {
    String[] chosen = new String[random.nextInt(3)];
    Arrays.setAll(chosen, i -> some.get(random.nextInt(some.size())));
    return chosen;
  }

  private @Nullable Integer port() {
    int at = random.nextInt(PORTS.length + 1);
    return at == PORTS.length ? null : PORTS[at];
  }

  private @Nullable Boolean maybe() {
    return random.nextInt(3) == 0 ? null : random.nextBoolean();
  }
}
