// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.iptables;

import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import dev.fairway.net.Protocol;
import dev.fairway.net.TransportAddress;
import dev.fairway.traffic.rules.BalancedPort;
import dev.fairway.traffic.rules.HealthCheck;
import dev.fairway.traffic.rules.ServicesConfig;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeSet;

/// Writes what kube-proxy would write for the same Services. Pure, but for what it remembers having
/// written. Not for several threads.
final class IptablesWriter {
  /// The bit of a packet's mark that asks for masquerading, as kube-proxy's default.
  private static final String MARK = "0x4000";

  private static final Comparator<Written> ORDER =
      Comparator.comparing(Written::name).thenComparing(Written::protocol);

  private final IpFamily family;
  private final ServicesConfig config;
  private Map<String, List<String>> filter = new LinkedHashMap<>();
  private Map<String, List<String>> nat = new LinkedHashMap<>();

  /// Of one among so many.
  private final Map<Integer, String> probabilities = new HashMap<>();

  /// What one port is written as: its own chains, and its part of the shared ones.
  private record Written(
      String name,
      Protocol protocol,
      Map<String, List<String>> filter,
      Map<String, List<String>> nat) {}

  /// By the port itself, not by what it says: those of Services that have not changed are the same.
  private IdentityHashMap<BalancedPort, Written> before = new IdentityHashMap<>();

  IptablesWriter(IpFamily family, ServicesConfig config) {
    this.family = family;
    this.config = config;
  }

  /// The rules of one IP family, from nothing.
  static IptablesRules write(
      IpFamily family,
      ServicesConfig config,
      Collection<BalancedPort> ports,
      Collection<HealthCheck> healthChecks) {
    return new IptablesWriter(family, config).write(ports, healthChecks);
  }

  /// All rules. Ports that it was given before are not written again.
  IptablesRules write(Collection<BalancedPort> ports, Collection<HealthCheck> healthChecks) {
    filter = new LinkedHashMap<>();
    nat = new LinkedHashMap<>();
    shared();
    IdentityHashMap<BalancedPort, Written> now = new IdentityHashMap<>(ports.size());
    List<Written> all = new ArrayList<>(ports.size());
    for (BalancedPort port : ports) {
      if (port.family() == family) {
        Written one = before.get(port);
        if (one == null) {
          PortRules rules = new PortRules(port);
          rules.write();
          one = new Written(rules.name, port.protocol(), rules.ownFilter, rules.ownNat);
        }
        now.put(port, one);
        all.add(one);
      }
    }
    before = now;
    all.sort(ORDER);
    for (Written one : all) {
      join(one.filter(), filter);
      join(one.nat(), nat);
    }
    for (HealthCheck check : healthChecks) {
      add(
          filter,
          KubeChains.NODE_PORTS,
          comment(
              check.service().namespace()
                  + "/"
                  + check.service().name()
                  + " health check node port"),
          "-m tcp -p tcp --dport " + check.port() + " -j ACCEPT");
    }
    nodePorts();
    return new IptablesRules(filter, nat);
  }

  private static void join(Map<String, List<String>> some, Map<String, List<String>> all) {
    some.forEach((chain, rules) -> {
      List<String> shared = KubeChains.isShared(chain) ? all.get(chain) : null;
      if (shared == null) {
        all.put(chain, rules);
      } else {
        shared.addAll(rules);
      }
    });
  }

  private void shared() {
    for (String chain :
        List.of(
            KubeChains.NODE_PORTS,
            KubeChains.SERVICES,
            KubeChains.EXTERNAL_SERVICES,
            KubeChains.FORWARD,
            KubeChains.FIREWALL,
            KubeChains.CANARY)) {
      filter.put(chain, new ArrayList<>());
    }
    for (String chain :
        List.of(
            KubeChains.NODE_PORTS,
            KubeChains.SERVICES,
            KubeChains.MARK_MASQ,
            KubeChains.POSTROUTING,
            KubeChains.CANARY)) {
      nat.put(chain, new ArrayList<>());
    }
    String marked = "-m mark --mark " + MARK + "/" + MARK;
    add(filter, KubeChains.FORWARD, "-m conntrack --ctstate INVALID -j DROP");
    add(filter, KubeChains.FORWARD, comment("kubernetes forwarding rules"), marked, "-j ACCEPT");
    add(
        filter,
        KubeChains.FORWARD,
        comment("kubernetes forwarding conntrack rule"),
        "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT");
    add(nat, KubeChains.MARK_MASQ, "-j MARK --or-mark " + MARK);
    add(nat, KubeChains.POSTROUTING, "-m mark ! --mark " + MARK + "/" + MARK + " -j RETURN");
    // So that nobody who sees the packet again, in another namespace, masquerades it again.
    add(nat, KubeChains.POSTROUTING, "-j MARK --xor-mark " + MARK);
    add(
        nat,
        KubeChains.POSTROUTING,
        comment("kubernetes service traffic requiring SNAT"),
        "-j MASQUERADE --random-fully");
  }

  private void nodePorts() {
    for (IpAddress address : config.nodePortAddresses()) {
      if (address.family() == family) {
        add(
            nat,
            KubeChains.SERVICES,
            comment("kubernetes service nodeports; NOTE: this must be the last rule in this chain"),
            "-d " + address,
            "-j " + KubeChains.NODE_PORTS);
      }
    }
  }

  private static void add(Map<String, List<String>> table, String chain, String... words) {
    table.computeIfAbsent(chain, c -> new ArrayList<>()).add(String.join(" ", words));
  }

  private static String comment(String words) {
    // What the API lets through has none of these; others' API servers may.
    String text = isPlain(words) ? words : words.replaceAll("[^ !#-\\[\\]-~]", "?");
    return "-m comment --comment " + (text.indexOf(' ') < 0 ? text : '"' + text + '"');
  }

  private static boolean isPlain(String words) {
    for (int i = 0; i < words.length(); i++) {
      char letter = words.charAt(i);
      if (letter < ' ' || letter > '~' || letter == '"' || letter == '\\') {
        return false;
      }
    }
    return true;
  }

  /// The rules of one port.
  private final class PortRules {
    private final Map<String, List<String>> ownFilter = new LinkedHashMap<>();
    private final Map<String, List<String>> ownNat = new LinkedHashMap<>();
    private final BalancedPort port;
    private final String name;
    private final String protocol;
    private final String cluster;
    private final String local;
    private final String external;
    private final String firewall;
    private final List<TransportAddress> clusterEndpoints;
    private final List<TransportAddress> localEndpoints;
    private final boolean any;
    private final boolean anyInside;
    private final boolean anyOutside;
    private final boolean accessibleOutside;

    PortRules(BalancedPort port) {
      this.port = port;
      this.name = port.name().toString();
      String word = KubeChains.word(port.protocol());
      this.protocol = "-m " + word + " -p " + word;
      this.cluster = KubeChains.cluster(port.name(), port.protocol());
      this.local = KubeChains.local(port.name(), port.protocol());
      this.external = KubeChains.external(port.name(), port.protocol());
      this.firewall = KubeChains.firewall(port.name(), port.protocol());
      this.clusterEndpoints = port.endpoints().cluster();
      this.localEndpoints = port.endpoints().local();
      this.accessibleOutside =
          port.nodePort().isPresent()
              || !port.externalIps().isEmpty()
              || !port.loadBalancerIps().isEmpty();
      this.any = port.endpoints().any();
      this.anyInside = any && !(port.insideLocal() && localEndpoints.isEmpty());
      this.anyOutside = any && !(port.outsideLocal() && localEndpoints.isEmpty());
    }

    void write() {
      capture();
      boolean usesCluster =
          !clusterEndpoints.isEmpty() && (!port.insideLocal() || accessibleOutside);
      boolean usesLocal =
          !localEndpoints.isEmpty()
              && (port.insideLocal() || (port.outsideLocal() && accessibleOutside));
      if (anyInside) {
        inside();
      }
      if (any && accessibleOutside) {
        outside();
      }
      if (isRestricted()) {
        sources();
      }
      TreeSet<TransportAddress> reachable = new TreeSet<>();
      if (usesCluster) {
        choose(cluster, clusterEndpoints);
        reachable.addAll(clusterEndpoints);
      }
      if (usesLocal) {
        choose(local, localEndpoints);
        reachable.addAll(localEndpoints);
      }
      reachable.forEach(this::endpoint);
    }

    private boolean isRestricted() {
      return any && port.restricted() && !port.loadBalancerIps().isEmpty();
    }

    /// Where packets leave the shared chains for this port's, or end.
    private void capture() {
      String insideChain = port.insideLocal() ? local : cluster;
      for (IpAddress address : port.clusterAddresses()) {
        if (anyInside) {
          add(
              ownNat,
              KubeChains.SERVICES,
              comment(name + " cluster IP"),
              to(address),
              "-j " + insideChain);
        } else {
          add(ownFilter, KubeChains.SERVICES, none(), to(address), end());
        }
      }
      for (IpAddress address : port.externalIps()) {
        if (any) {
          add(
              ownNat,
              KubeChains.SERVICES,
              comment(name + " external IP"),
              to(address),
              "-j " + external);
        }
        if (!anyOutside) {
          add(ownFilter, KubeChains.EXTERNAL_SERVICES, none(), to(address), end());
        }
      }
      for (IpAddress address : port.loadBalancerIps()) {
        if (any) {
          add(
              ownNat,
              KubeChains.SERVICES,
              comment(name + " loadbalancer IP"),
              to(address),
              "-j " + (isRestricted() ? firewall : external));
        }
        if (isRestricted()) {
          add(
              ownFilter,
              KubeChains.FIREWALL,
              comment(name + " traffic not accepted by " + firewall),
              to(address),
              "-j DROP");
        }
        if (!anyOutside) {
          add(ownFilter, KubeChains.EXTERNAL_SERVICES, none(), to(address), end());
        }
      }
      if (port.nodePort().isPresent()) {
        String toNodePort = protocol + " --dport " + port.nodePort().getAsInt();
        if (any) {
          add(ownNat, KubeChains.NODE_PORTS, comment(name), toNodePort, "-j " + external);
        }
        if (!anyOutside) {
          add(
              ownFilter,
              KubeChains.EXTERNAL_SERVICES,
              none(),
              "-m addrtype --dst-type LOCAL",
              toNodePort,
              end());
        }
      }
    }

    private String to(IpAddress address) {
      return protocol + " -d " + address + " --dport " + port.port();
    }

    private String none() {
      return comment(name + (any ? " has no local endpoints" : " has no endpoints"));
    }

    private String end() {
      return any ? "-j DROP" : "-j REJECT";
    }

    private void inside() {
      String chain = port.insideLocal() ? local : cluster;
      ownNat.putIfAbsent(chain, new ArrayList<>());
      List<Prefix> pods = pods();
      if (pods.isEmpty()) {
        return;
      }
      // A rule can deny one prefix only.
      for (IpAddress address : port.clusterAddresses()) {
        add(
            ownNat,
            chain,
            comment(name + " cluster IP"),
            to(address),
            "! -s " + pods.getFirst(),
            "-j " + KubeChains.MARK_MASQ);
      }
    }

    private List<Prefix> pods() {
      return config.podPrefixes().stream().filter(prefix -> prefix.family() == family).toList();
    }

    private void outside() {
      ownNat.put(external, new ArrayList<>());
      String destinations = name + " external destinations";
      if (port.outsideLocal()) {
        for (Prefix pods : pods()) {
          add(
              ownNat,
              external,
              comment("pod traffic for " + destinations),
              "-s " + pods,
              "-j " + cluster);
        }
        String ours = "-m addrtype --src-type LOCAL";
        add(
            ownNat,
            external,
            comment("masquerade LOCAL traffic for " + destinations),
            ours,
            "-j " + KubeChains.MARK_MASQ);
        add(
            ownNat,
            external,
            comment("route LOCAL traffic for " + destinations),
            ours,
            "-j " + cluster);
      } else {
        add(
            ownNat,
            external,
            comment("masquerade traffic for " + destinations),
            "-j " + KubeChains.MARK_MASQ);
      }
      if (anyOutside) {
        add(ownNat, external, "-j " + (port.outsideLocal() ? local : cluster));
      }
      if (port.outsideLocal()) {
        ownNat.putIfAbsent(cluster, new ArrayList<>());
      }
    }

    private void sources() {
      ownNat.put(firewall, new ArrayList<>());
      boolean fromNode = false;
      for (Prefix range : port.sourceRanges()) {
        allow("-s " + range);
        fromNode |= config.nodePortAddresses().stream().anyMatch(range::contains);
      }
      if (fromNode) {
        // A load balancer's address that the node has itself is then its source, too.
        port.loadBalancerIps().forEach(address -> allow("-s " + address));
      }
      add(
          ownNat,
          firewall,
          comment("other traffic to " + name + " will be dropped by " + KubeChains.FIREWALL));
    }

    private void allow(String source) {
      add(ownNat, firewall, comment(name + " loadbalancer IP"), source, "-j " + external);
    }

    private void choose(String chain, List<TransportAddress> endpoints) {
      ownNat.putIfAbsent(chain, new ArrayList<>());
      port.affinity()
          .ifPresent(time -> {
            for (TransportAddress endpoint : endpoints) {
              add(
                  ownNat,
                  chain,
                  comment(name + " -> " + endpoint),
                  "-m recent --name " + chain(endpoint),
                  "--rcheck --seconds " + time.toSeconds(),
                  "--reap -j " + chain(endpoint));
            }
          });
      for (int i = 0; i < endpoints.size(); i++) {
        TransportAddress endpoint = endpoints.get(i);
        int left = endpoints.size() - i;
        List<String> words = new ArrayList<>(List.of(comment(name + " -> " + endpoint)));
        if (left > 1) {
          String probability =
              probabilities.computeIfAbsent(
                  left, some -> String.format(Locale.ROOT, "%.10f", 1.0 / some));
          words.add("-m statistic --mode random --probability " + probability);
        }
        words.add("-j " + chain(endpoint));
        add(ownNat, chain, words.toArray(new String[0]));
      }
    }

    private String chain(TransportAddress endpoint) {
      return KubeChains.endpoint(port.name(), port.protocol(), endpoint);
    }

    private void endpoint(TransportAddress endpoint) {
      String chain = chain(endpoint);
      ownNat.put(chain, new ArrayList<>());
      add(ownNat, chain, comment(name), "-s " + endpoint.address(), "-j " + KubeChains.MARK_MASQ);
      List<String> words = new ArrayList<>(List.of(comment(name)));
      if (port.affinity().isPresent()) {
        words.add("-m recent --name " + chain + " --set");
      }
      words.add(protocol + " -j DNAT --to-destination " + endpoint);
      add(ownNat, chain, words.toArray(new String[0]));
    }
  }
}
