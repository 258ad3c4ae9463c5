// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.policy;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.net.IpFamily;
import dev.fairway.net.Protocol;
import dev.fairway.traffic.policy.Probes.Probe;
import io.fabric8.kubernetes.api.model.Namespace;
import io.fabric8.kubernetes.api.model.networking.v1.NetworkPolicy;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// Who reaches whom, of three pods in each of three namespaces, at two ports, by TCP and UDP: in
/// the real kernel, by the rules themselves, by a model of the API's words, and by what people
/// expect. The cases are those of upstream's NetworkPolicy tests.
class PolicyMatrixTest {
  private static final List<String> NAMESPACES = List.of("x", "y", "z");
  private static final PolicyLab LAB = new PolicyLab();
  private static final Probes PROBES = new Probes(LAB);
  private PolicyDatapath datapath;

  @BeforeAll
  static void connect() throws IOException {
    for (String namespace : NAMESPACES) {
      for (String name : List.of("a", "b", "c")) {
        LAB.add(namespace, name);
        PROBES.serve(namespace + "/" + name, 80, 81);
      }
    }
  }

  @AfterAll
  static void close() throws IOException {
    PROBES.close();
    LAB.close();
  }

  @BeforeEach
  void open() {
    datapath = PolicyDatapath.open(new PolicyConfig(PolicyLab.NODE, List.of()), LAB.node);
  }

  @AfterEach
  void uninstall() {
    datapath.close();
    PolicyDatapath.uninstall(LAB.node);
  }

  private static List<Probe> all(IpFamily... families) {
    List<Probe> probes = new ArrayList<>();
    for (IpFamily family : families) {
      for (String from : LAB.names()) {
        for (String to : LAB.names()) {
          for (Protocol protocol : List.of(Protocol.TCP, Protocol.UDP)) {
            for (int port : List.of(80, 81)) {
              probes.add(new Probe(from, to, family, protocol, port));
            }
          }
        }
      }
    }
    return probes;
  }

  private static List<Namespace> namespaces() {
    return NAMESPACES.stream().map(Objects::namespace).toList();
  }

  private static Map<String, Map<String, String>> namespaceLabels() {
    Map<String, Map<String, String>> labels = new HashMap<>();
    NAMESPACES.forEach(
        name -> labels.put(name, Map.of("ns", name, "kubernetes.io/metadata.name", name)));
    return labels;
  }

  /// Loads the policies, and holds kernel, rules and model against one another.
  private Set<Probe> check(
      List<NetworkPolicy> policies, List<ClusterNetworkPolicy> ofCluster, List<Probe> probes)
      throws IOException {
    datapath.set(namespaces(), LAB.pods.values(), policies);
    datapath.setCluster(ofCluster, List.of());
    Model model = new Model(namespaceLabels(), LAB.pods, policies, ofCluster);
    Set<Probe> expected = new TreeSet<>(probes.stream().filter(model::allows).toList());
    assertThat(new TreeSet<>(probes.stream().filter(this::byRules).toList()))
        .as("the rules, for %s %s", policies, ofCluster)
        .isEqualTo(expected);
    Why why = new Why(namespaces(), LAB.pods.values(), policies, ofCluster, List.of(), List.of());
    assertThat(new TreeSet<>(probes.stream().filter(probe -> says(why, probe)).toList()))
        .as("what people are told, for %s %s", policies, ofCluster)
        .isEqualTo(expected);
    int denied = probes.size() - expected.size();
    long before = dropped();
    Set<Probe> through =
        PROBES.ask(probes, some -> some.containsAll(expected) && dropped() - before >= denied);
    assertThat(through).as("the kernel, for %s %s", policies, ofCluster).isEqualTo(expected);
    return through;
  }

  private static boolean says(Why why, Probe probe) {
    Optional<Why.Answer> answer =
        why.ask(probe.from(), probe.to(), probe.family(), probe.protocol(), probe.port());
    return answer.orElseThrow().allowed();
  }

  private long dropped() {
    return datapath.dropped().values().stream().mapToLong(Long::longValue).sum();
  }

  private boolean byRules(Probe probe) {
    return datapath
        .rules()
        .decide(
            new Packet(
                LAB.address(probe.from(), probe.family()),
                LAB.address(probe.to(), probe.family()),
                probe.protocol(),
                probe.port()))
        .isEmpty();
  }

  /// @param ofCluster cluster policies, which are among the texts of those without a namespace
  record Case(
      String name,
      List<NetworkPolicy> policies,
      List<ClusterNetworkPolicy> ofCluster,
      Predicate<Probe> reaches) {
    @Override
    public String toString() {
      return name;
    }
  }

  private static Arguments one(String name, Predicate<Probe> reaches, String... policies) {
    List<NetworkPolicy> objects = new ArrayList<>();
    List<ClusterNetworkPolicy> ofCluster = new ArrayList<>();
    for (int i = 0; i < policies.length; i++) {
      int space = policies[i].indexOf('\n');
      if (policies[i].startsWith("tier: ")) {
        ofCluster.add(Objects.clusterPolicy("c" + i, policies[i]));
        continue;
      }
      objects.add(
          Objects.policy(
              policies[i].substring(0, space) + "/p" + i, policies[i].substring(space + 1)));
    }
    return Arguments.of(new Case(name, objects, ofCluster, reaches));
  }

  private static boolean to(Probe probe, String pod) {
    return probe.to().equals(pod);
  }

  private static boolean in(String pod, String namespace) {
    return pod.startsWith(namespace + "/");
  }

  static Stream<Arguments> cases() {
    return Stream.of(
        one("no policy", p -> true),
        one("deny all ingress", p -> !in(p.to(), "x"), "x\npodSelector: {}\ningress: []"),
        one(
            "deny all ingress and egress",
            p -> !in(p.to(), "x") && !in(p.from(), "x"),
            "x\npodSelector: {}\npolicyTypes: [Ingress, Egress]"),
        one(
            "by namespace",
            p -> !in(p.to(), "x") || in(p.from(), "y"),
            "x\npodSelector: {}\ningress: [{from: [{namespaceSelector: {matchLabels: {ns: y}}}]}]"),
        one(
            "by pod of the own namespace",
            p -> !to(p, "x/a") || p.from().equals("x/b"),
            "x\npodSelector: {matchLabels: {pod: a}}\n"
                + "ingress: [{from: [{podSelector: {matchLabels: {pod: b}}}]}]"),
        one(
            "by pod and namespace",
            p -> !to(p, "x/a") || p.from().equals("y/b"),
            "x\npodSelector: {matchLabels: {pod: a}}\n"
                + "ingress: [{from: [{namespaceSelector: {matchLabels: {ns: y}},"
                + " podSelector: {matchLabels: {pod: b}}}]}]"),
        one(
            "by pod or namespace",
            p -> !to(p, "x/a") || in(p.from(), "y") || p.from().equals("x/b"),
            "x\npodSelector: {matchLabels: {pod: a}}\n"
                + "ingress: [{from: [{namespaceSelector: {matchLabels: {ns: y}}},"
                + " {podSelector: {matchLabels: {pod: b}}}]}]"),
        one(
            "by expressions",
            p -> !to(p, "x/a") || (!in(p.from(), "x") && !p.from().endsWith("/c")),
            "x\npodSelector: {matchExpressions: [{key: pod, operator: In, values: [a]}]}\n"
                + "ingress: [{from: [{namespaceSelector: {matchExpressions: [{key: ns, operator:"
                + " NotIn, values: [x]}]}, podSelector: {matchExpressions: [{key: pod, operator:"
                + " In, values: [a, b]}]}}]}]"),
        one(
            "by existence of a label",
            p -> !to(p, "x/a"),
            "x\npodSelector: {matchLabels: {pod: a}}\n"
                + "ingress: [{from: [{podSelector: {matchExpressions: [{key: pod, operator:"
                + " DoesNotExist}]}}]}]"),
        one(
            "any namespace",
            p -> !to(p, "x/a") || p.from().endsWith("/b"),
            "x\npodSelector: {matchLabels: {pod: a}}\n"
                + "ingress: [{from: [{namespaceSelector: {}, podSelector: {matchLabels: {pod:"
                + " b}}}]}]"),
        one(
            "by port",
            p -> !to(p, "x/a") || (p.port() == 81 && p.protocol() == Protocol.TCP),
            "x\npodSelector: {matchLabels: {pod: a}}\ningress: [{ports: [{port: 81}]}]"),
        one(
            "by port and peer",
            p ->
                !to(p, "x/a")
                    || (in(p.from(), "y") && p.port() == 81 && p.protocol() == Protocol.UDP),
            "x\npodSelector: {matchLabels: {pod: a}}\n"
                + "ingress: [{ports: [{port: 81, protocol: UDP}], from: [{namespaceSelector:"
                + " {matchLabels: {ns: y}}}]}]"),
        one(
            "by protocol",
            p -> !to(p, "x/a") || p.protocol() == Protocol.UDP,
            "x\npodSelector: {matchLabels: {pod: a}}\ningress: [{ports: [{protocol: UDP}]}]"),
        one(
            "by ports' names",
            p ->
                !to(p, "x/a")
                    || (p.port() == 80 && p.protocol() == Protocol.TCP)
                    || (p.port() == 81 && p.protocol() == Protocol.UDP),
            "x\npodSelector: {matchLabels: {pod: a}}\n"
                + "ingress: [{ports: [{port: serve-80-tcp}, {port: serve-81-udp, protocol: UDP},"
                + " {port: nobody-knows}]}]"),
        one(
            "to ports' names",
            p ->
                !p.from().equals("x/a")
                    || (in(p.to(), "y") && p.port() == 80 && p.protocol() == Protocol.TCP),
            "x\npodSelector: {matchLabels: {pod: a}}\npolicyTypes: [Egress]\n"
                + "egress: [{ports: [{port: serve-80-tcp}], to: [{namespaceSelector:"
                + " {matchLabels: {ns: y}}}]}]"),
        one(
            "a range of ports",
            p -> !p.from().equals("x/a") || (p.port() == 81 && p.protocol() == Protocol.TCP),
            "x\npodSelector: {matchLabels: {pod: a}}\npolicyTypes: [Egress]\n"
                + "egress: [{ports: [{port: 81, endPort: 90}]}]"),
        one(
            "SCTP only",
            p -> !to(p, "x/a"),
            "x\npodSelector: {matchLabels: {pod: a}}\n"
                + "ingress: [{ports: [{port: 80, protocol: SCTP}]}]"),
        one(
            "egress to a pod",
            p -> !p.from().equals("x/a") || to(p, "x/b"),
            "x\npodSelector: {matchLabels: {pod: a}}\npolicyTypes: [Egress]\n"
                + "egress: [{to: [{podSelector: {matchLabels: {pod: b}}}]}]"),
        one(
            "egress by default of its rules",
            p -> !in(p.to(), "x") && (!in(p.from(), "x") || in(p.to(), "z")),
            "x\npodSelector: {}\negress: [{to: [{namespaceSelector: {matchLabels: {ns: z}}}]}]"),
        one(
            "two policies add up",
            p -> !to(p, "x/a") || in(p.from(), "y") || p.port() == 80,
            "x\npodSelector: {matchLabels: {pod: a}}\n"
                + "ingress: [{from: [{namespaceSelector: {matchLabels: {ns: y}}}]}]",
            "x\npodSelector: {}\ningress: [{ports: [{port: 80}, {port: 80, protocol: UDP}]}]",
            "x\npodSelector: {matchLabels: {pod: b}}\ningress: [{}]",
            "x\npodSelector: {matchLabels: {pod: c}}\ningress: [{}]"),
        one(
            "allow all beats deny all",
            p -> true,
            "x\npodSelector: {}",
            "x\npodSelector: {}\ningress: [{}]"),
        one(
            "both ends",
            p ->
                (!p.from().equals("x/a") || to(p, "y/b"))
                    && (!to(p, "y/b") || p.from().equals("x/a")),
            "x\npodSelector: {matchLabels: {pod: a}}\npolicyTypes: [Egress]\n"
                + "egress: [{to: [{namespaceSelector: {matchLabels: {ns: y}}, podSelector:"
                + " {matchLabels: {pod: b}}}]}]",
            "y\npodSelector: {matchLabels: {pod: b}}\n"
                + "ingress: [{from: [{namespaceSelector: {matchLabels: {ns: x}}, podSelector:"
                + " {matchLabels: {pod: a}}}]}]"),
        one(
            "addresses except some",
            p ->
                !to(p, "x/a")
                    || (p.family() == IpFamily.IPV4 && List.of("x/c", "y/a").contains(p.from())),
            // x/a is .2, x/b .3, x/c .4, y/a .5, y/b .6
            "x\npodSelector: {matchLabels: {pod: a}}\n"
                + "ingress: [{from: [{ipBlock: {cidr: 10.200.0.0/29, except: [10.200.0.2/31,"
                + " 10.200.0.6/31]}}]}]"),
        one(
            "all addresses of one family",
            p -> !p.from().equals("x/a") || p.family() == IpFamily.IPV6,
            "x\npodSelector: {matchLabels: {pod: a}}\npolicyTypes: [Egress]\n"
                + "egress: [{to: [{ipBlock: {cidr: '::/0'}}]}]"));
  }

  static Stream<Arguments> clusterCases() {
    String everyX = "subject: {namespaces: {matchLabels: {ns: x}}}\n";
    String denyY = "ingress: [{action: Deny, from: [{namespaces: {matchLabels: {ns: y}}}]}]";
    String onlyZ =
        "x\npodSelector: {}\ningress: [{from: [{namespaceSelector: {matchLabels: {ns: z}}}]}]";
    return Stream.of(
        one(
            "an administrator denies",
            p -> !in(p.to(), "x") || !in(p.from(), "y"),
            "tier: Admin\npriority: 10\n" + everyX + denyY,
            "x\npodSelector: {}\ningress: [{}]"),
        one(
            "an administrator accepts what is isolated",
            p -> !in(p.to(), "x") || in(p.from(), "z") || (in(p.from(), "y") && p.port() == 80),
            "tier: Admin\npriority: 10\n"
                + everyX
                + "ingress: [{action: Accept, from: [{namespaces: {matchLabels: {ns: y}}}],"
                + " protocols: [{tcp: {destinationPort: {number: 80}}},"
                + " {udp: {destinationPort: {range: {start: 79, end: 80}}}}]}]",
            onlyZ),
        one(
            "passed on, to a NetworkPolicy or nobody",
            p -> in(p.to(), "z") || in(p.from(), "z"),
            "tier: Admin\npriority: 10\nsubject: {namespaces: {matchExpressions: [{key: ns, operator:"
                + " In, values: [x, y]}]}}\n"
                + "ingress: [{action: Pass, from: [{namespaces: {matchLabels: {ns: z}}}]},"
                + " {action: Deny, from: [{namespaces: {}}]}]",
            onlyZ),
        one(
            "the lower priority is asked first, and the first rule of a policy",
            p -> !in(p.to(), "x") || p.from().equals("y/a"),
            "tier: Admin\npriority: 20\n"
                + everyX
                + "ingress: [{action: Accept, from: [{namespaces: {}}]}]",
            "tier: Admin\npriority: 3\n"
                + everyX
                + "ingress: [{action: Accept, from: [{pods: {namespaceSelector: {matchLabels: {ns: y}},"
                + " podSelector: {matchLabels: {pod: a}}}}]},"
                + " {action: Deny, from: [{namespaces: {}}]}]"),
        one(
            "the baseline is for whom no NetworkPolicy isolates",
            p -> in(p.to(), "x") ? in(p.from(), "z") : !in(p.to(), "y") || in(p.from(), "y"),
            "tier: Baseline\npriority: 10\nsubject: {namespaces: {matchExpressions: [{key: ns,"
                + " operator: In, values: [x, y]}]}}\n"
                + "ingress: [{action: Accept, from: [{namespaces: {matchLabels: {ns: y}}}]},"
                + " {action: Deny, from: [{namespaces: {}}]}]",
            onlyZ),
        one(
            "egress to addresses and ports by name",
            p ->
                !p.from().equals("x/a")
                    // x/a is .2, x/b .3
                    || p.to().equals("x/b")
                    || (in(p.to(), "z") && p.port() == 81 && p.protocol() == Protocol.UDP),
            "tier: Admin\npriority: 10\nsubject: {pods: {namespaceSelector: {matchLabels: {ns: x}},"
                + " podSelector: {matchLabels: {pod: a}}}}\n"
                + "egress: [{action: Accept, to: [{networks: ['10.200.0.2/31', 'fd00:200::2/127']}]},"
                + " {action: Accept, to: [{namespaces: {matchLabels: {ns: z}}}],"
                + " protocols: [{destinationNamedPort: serve-81-udp}]},"
                + " {action: Deny, to: [{networks: ['0.0.0.0/0', '::/0']}]}]"),
        one(
            "a rule that is not understood denies, or accepts nothing",
            p -> !in(p.from(), "x"),
            "tier: Admin\npriority: 10\n"
                + everyX
                + "egress: [{action: Accept, to: [{domainNames: [fairway.dev]}]},"
                + " {action: Pass, to: [{}]}, {action: Accept, to: [{namespaces: {}}]}]"));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("clusterCases")
  void clusterPoliciesAsPeopleExpect(Case one) throws IOException {
    asPeopleExpect(one);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("cases")
  void asPeopleExpect(Case one) throws IOException {
    IpFamily[] families =
        one.name().contains("address") ? IpFamily.values() : new IpFamily[] {IpFamily.IPV4};
    Set<Probe> through = check(one.policies(), one.ofCluster(), all(families));
    Set<Probe> wanted = new TreeSet<>();
    for (Probe probe : all(families)) {
      if (probe.from().equals(probe.to()) || one.reaches().test(probe)) {
        wanted.add(probe);
      }
    }
    assertThat(through).isEqualTo(wanted);
  }

  /// Another seed a run: it is in the message.
  @Test
  void randomPolicies() throws IOException {
    long seed = Long.getLong("policy.seed", System.nanoTime());
    Random random = new Random(seed);
    for (int round = 0; round < 12; round++) {
      List<NetworkPolicy> policies =
          random.nextInt(4) == 0 ? List.of() : RandomPolicies.some(random, NAMESPACES);
      List<ClusterNetworkPolicy> ofCluster = RandomPolicies.ofCluster(random, NAMESPACES);
      List<Probe> probes = all(random.nextBoolean() ? IpFamily.IPV4 : IpFamily.IPV6);
      java.util.Collections.shuffle(probes, random);
      try {
        check(policies, ofCluster, probes.subList(0, 120));
      } catch (AssertionError e) {
        throw new AssertionError("-Dpolicy.seed=" + seed + ", round " + round, e);
      }
    }
  }
}
