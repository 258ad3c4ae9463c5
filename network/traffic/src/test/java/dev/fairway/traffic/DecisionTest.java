// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic;

import static dev.fairway.traffic.rules.KubeObjects.endpoint;
import static dev.fairway.traffic.rules.KubeObjects.service;
import static dev.fairway.traffic.rules.KubeObjects.slice;
import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.Sysctls;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import dev.fairway.net.Protocol;
import dev.fairway.traffic.rules.Decision;
import dev.fairway.traffic.rules.Front;
import dev.fairway.traffic.rules.KubeObjects;
import dev.fairway.traffic.rules.RuleSet;
import dev.fairway.traffic.rules.ServicesConfig;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.ServiceBuilder;
import io.fabric8.kubernetes.api.model.discovery.v1.Endpoint;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSlice;
import java.io.IOException;
import java.net.ConnectException;
import java.net.NoRouteToHostException;
import java.net.SocketTimeoutException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// Random Services and connections: what the rules say they do is what the kernel does.
class DecisionTest {
  private static final ServicesConfig CONFIG =
      ServicesConfig.of(
              "worker-0",
              List.of(IpAddress.parse(NodeLab.NODE)),
              List.of(Prefix.parse("10.200.0.0/16"), Prefix.parse("fd00:200::/64")))
          .withServiceRanges(List.of(Prefix.parse("10.32.0.0/16")))
          .withExternalIps(true);

  private static final int CLUSTERS = 20;
  private static final int CONNECTIONS = 25;

  private final NodeLab lab = new NodeLab();
  private final ClientGroup group = new ClientGroup();
  private final Map<String, NetworkNamespace> sources = new LinkedHashMap<>();

  DecisionTest() throws IOException {}

  @BeforeEach
  void serve() throws Exception {
    sources.put("10.200.0.4", lab.pod("client", 4));
    for (int number = 2; number <= 3; number++) {
      String name = "pod" + number;
      NetworkNamespace pod = lab.pod(name, number);
      if (number == 2) {
        sources.put("10.200.0.2", pod);
      }
      lab.serveTcp(name, 8080);
      lab.serveTcp(name, 8081);
    }
    // iptables refuses by ICMP, of which a machine sends one a second to each other.
    Sysctls.write(lab.node, Map.of("net.ipv4.icmp_ratelimit", "0"));
    sources.put(NodeLab.NODE, lab.node);
    sources.put(NodeLab.OUTSIDE, lab.outside);
  }

  @AfterEach
  void close() throws Exception {
    group.close();
    lab.close();
  }

  @ParameterizedTest
  @EnumSource
  void theKernelDoesWhatTheRulesSay(ServicesConfig.Datapath datapath) throws Exception {
    ServicesConfig config = CONFIG.withDatapath(datapath).withCgroup(group.path);
    try (NodeServices services = NodeServices.open(config, lab.node)) {
      compare(services, config);
    }
  }

  private void compare(NodeServices services, ServicesConfig config) throws Exception {
    long seed = Long.getLong("seed", 4);
    Random random = new Random(seed);
    Map<Class<?>, Integer> kinds = new LinkedHashMap<>();
    for (int cluster = 0; cluster < CLUSTERS; cluster++) {
      List<Service> all = new ArrayList<>();
      List<EndpointSlice> slices = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        all.add(randomService(random, i));
        slices.add(randomSlice(random, i));
      }
      services.set(all, slices);
      RuleSet rules = services.rules(IpFamily.IPV4).orElseThrow();
      for (int i = 0; i < CONNECTIONS; i++) {
        String source = List.copyOf(sources.keySet()).get(random.nextInt(sources.size()));
        Front front = randomFront(random);
        Decision decision = rules.decide(IpAddress.parse(source), front, config);
        kinds.merge(decision.getClass(), 1, Integer::sum);
        assertThat(isWhatHappens(decision, source, front, config))
            .as("seed %d: %s to %s: %s of\n%s", seed, source, front, decision, rules.print())
            .isTrue();
      }
    }
    assertThat(kinds.keySet()).as("every kind of decision came up").hasSize(4);
  }

  private boolean isWhatHappens(
      Decision decision, String source, Front front, ServicesConfig config) throws Exception {
    // Who is asked by an endpoint at its own address needs no other.
    boolean hairpin = config.datapath() != ServicesConfig.Datapath.EBPF;
    group.inside(!source.equals(NodeLab.OUTSIDE));
    String answer = connect(source, front, decision instanceof Decision.Redirected ? 5000 : 60);
    return switch (decision) {
      case Decision.Refused _ -> answer.equals("refused");
      case Decision.Dropped _ -> answer.equals("silence");
      // Nobody else serves there: the node itself refuses, what leaves the cluster is lost.
      case Decision.Untouched _ -> answer.equals("refused") || answer.equals("silence");
      case Decision.Redirected(var endpoints, boolean masqueraded) ->
          endpoints.stream()
              .anyMatch(endpoint -> {
                boolean self = endpoint.address().toString().equals(source);
                String pod = "pod" + endpoint.address().toString().substring("10.200.0.".length());
                String seen = masqueraded || (self && hairpin) ? NodeLab.NODE : source;
                return answer.equals(pod + " " + seen);
              });
    };
  }

  private String connect(String source, Front front, int timeoutMillis) throws Exception {
    NetworkNamespace from = sources.get(source);
    try (NodeLab.Conversation conversation =
        NodeLab.connect(from, front.address().toString(), front.port(), timeoutMillis)) {
      return String.valueOf(conversation.ask());
    } catch (SocketTimeoutException e) {
      return "silence";
    } catch (ConnectException | NoRouteToHostException e) {
      return "refused";
    } catch (IOException e) {
      // What its own kernel drops fails in the call (EPERM), as if it were refused.
      return String.valueOf(e.getMessage()).contains("not permitted") ? "silence" : "refused";
    }
  }

  private static Service randomService(Random random, int number) {
    ServiceBuilder builder =
        KubeObjects.port(
                service("s" + number, "10.32.0." + (1 + number)), null, "TCP", 80, 30000 + number)
            .editSpec()
            .withType("LoadBalancer")
            .withInternalTrafficPolicy(random.nextBoolean() ? "Cluster" : "Local")
            .withExternalTrafficPolicy(random.nextBoolean() ? "Cluster" : "Local")
            .withSessionAffinity(random.nextBoolean() ? "None" : "ClientIP")
            .withExternalIPs("192.0.2." + (10 + number))
            .endSpec();
    if (random.nextBoolean()) {
      String range = random.nextBoolean() ? NodeLab.OUTSIDE + "/32" : "10.200.0.4/30";
      builder.editSpec().withLoadBalancerSourceRanges(range).endSpec();
    }
    return builder
        .withNewStatus()
        .withNewLoadBalancer()
        .addNewIngress()
        .withIp("192.0.2." + (20 + number))
        .endIngress()
        .endLoadBalancer()
        .endStatus()
        .build();
  }

  private static EndpointSlice randomSlice(Random random, int number) {
    List<Endpoint> endpoints = new ArrayList<>();
    for (int pod = 2; pod <= 3; pod++) {
      if (random.nextInt(3) > 0) {
        boolean ready = random.nextInt(4) > 0;
        String node = pod == 2 ? "worker-0" : "worker-1";
        endpoints.add(endpoint(node, "10.200.0." + pod, ready, true, !ready));
      }
    }
    return slice("s" + number, "TCP", 8080 + random.nextInt(2), endpoints.toArray(new Endpoint[0]));
  }

  private static Front randomFront(Random random) {
    int number = random.nextInt(3);
    return switch (random.nextInt(6)) {
      case 0 -> front(NodeLab.NODE, 30000 + random.nextInt(4));
      case 1 -> front("192.0.2." + (10 + number), 80);
      case 2 -> front("192.0.2." + (20 + number), 80);
      case 3 ->
          random.nextInt(4) > 0 ? front("10.32.0." + (1 + number), 81) : front("10.32.7.7", 80);
      default -> front("10.32.0." + (1 + number), 80);
    };
  }

  private static Front front(String address, int port) {
    return new Front(IpAddress.parse(address), Protocol.TCP, port);
  }
}
