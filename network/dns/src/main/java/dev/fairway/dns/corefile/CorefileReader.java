// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns.corefile;

import dev.fairway.dns.Caching;
import dev.fairway.dns.ClusterZone;
import dev.fairway.dns.DnsOverTls;
import dev.fairway.dns.Forwarding;
import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// Goes through the server blocks of one file; used once.
final class CorefileReader {
  private static final int DNS_PORT = 53;
  private static final Duration RELOAD = Duration.ofSeconds(30);
  private static final Duration UPSTREAM_TIMEOUT = Duration.ofSeconds(2);

  private final String file;
  private final Corefile.ResolvConf resolvConf;
  private int port = -1;
  private int tlsPort = -1;
  private @Nullable Statement tlsFiles;
  private @Nullable Statement transferAt;
  private List<String> transferZones = List.of();
  private final List<Prefix> transferTo = new ArrayList<>();
  private final List<String> bind = new ArrayList<>();
  private @Nullable Statement kubernetesAt;
  private @Nullable ClusterZone cluster;
  private Optional<String> kubeconfig = Optional.empty();
  private boolean autopath;
  private final Map<String, List<IpAddress>> hosts = new LinkedHashMap<>();
  private final Map<String, Forwarding.Route> routes = new LinkedHashMap<>();
  private int concurrent = 1000;
  private @Nullable Caching caching;
  private final List<Statement> disabled = new ArrayList<>();
  private Optional<InetSocketAddress> health = Optional.empty();
  private Duration lameduck = Duration.ZERO;
  private Optional<InetSocketAddress> ready = Optional.empty();
  private Optional<InetSocketAddress> prometheus = Optional.empty();
  private Optional<Duration> reload = Optional.empty();
  private boolean log;

  CorefileReader(String file, Corefile.ResolvConf resolvConf) {
    this.file = file;
    this.resolvConf = resolvConf;
  }

  Corefile read(List<Statement> blocks) {
    blocks.forEach(this::block);
    ClusterZone zone = cluster;
    if (zone == null) {
      throw new InvalidCorefile(
          file, 1, "no block has 'kubernetes'; without a cluster this server is of no use");
    }
    String domain = zone.domain();
    for (Statement line : disabled) {
      // The cluster's own names are never in the cache.
      List<String> zones = line.arguments();
      if (zones.size() < 2 || zones.stream().skip(1).anyMatch(name -> !name.equals(domain))) {
        throw line.wrong("'disable' is understood only with the zone " + domain);
      }
    }
    if (transferAt != null && !transferZones.contains(".") && !transferZones.contains(domain)) {
      throw transferAt.wrong("only the zone " + domain + " can be transferred");
    }
    if (autopath) {
      zone = zone.withSearchShortcut(search());
    }
    return new Corefile(
        port,
        List.copyOf(bind),
        zone,
        kubeconfig,
        Map.copyOf(hosts),
        new Forwarding(List.copyOf(routes.values()), UPSTREAM_TIMEOUT, concurrent),
        caching == null ? Caching.none() : caching,
        overTls(),
        List.copyOf(transferTo),
        health,
        lameduck,
        ready,
        prometheus,
        reload,
        log);
  }

  private List<String> search() {
    List<String> search = List.of();
    for (String line : resolvConf.lines("/etc/resolv.conf")) {
      List<String> words = List.of(line.strip().split("\\s+"));
      if (words.getFirst().equals("search")) {
        // In a pod the cluster's own domains stand here, and they come first anyway.
        search =
            words.subList(1, words.size()).stream()
                .filter(domain -> cluster == null || !domain.endsWith(cluster.domain()))
                .toList();
      }
    }
    return search;
  }

  private void block(Statement block) {
    List<String> zones = new ArrayList<>();
    for (String key : block.words()) {
      String zone = zone(block, key);
      if (!zones.contains(zone)) {
        zones.add(zone);
      }
    }
    if (block.words().stream().allMatch(key -> key.startsWith("tls://"))) {
      throw block.wrong("tls:// stands beside a plain address in the same block: . tls://. {");
    }
    Caching before = caching;
    caching = null;
    for (Statement directive : block.body()) {
      directive(directive, zones);
    }
    if (before != null && !before.equals(caching)) {
      throw block.wrong("one cache serves all blocks: each must have the same 'cache'");
    }
  }

  /// `example.org:53`, `dns://.:53`
  private String zone(Statement block, String key) {
    String rest = key.endsWith(",") ? key.substring(0, key.length() - 1) : key;
    int scheme = rest.indexOf("://");
    if (scheme >= 0) {
      if (!rest.startsWith("dns://") && !rest.startsWith("tls://")) {
        throw block.wrong(key + ": only dns:// and tls:// are served, no https, quic or grpc");
      }
      rest = rest.substring(scheme + 3);
    }
    boolean secure = key.startsWith("tls://");
    int colon = rest.lastIndexOf(':');
    int usual = secure ? Values.TLS_PORT : DNS_PORT;
    int own = colon < 0 ? usual : Values.number(block, rest.substring(colon + 1), 1, 65_535);
    int before = secure ? tlsPort : port;
    if (before >= 0 && before != own) {
      throw block.wrong(key + ": all blocks must have one port, and the first has " + before);
    }
    tlsPort = secure ? own : tlsPort;
    port = secure ? port : own;
    String zone = colon < 0 ? rest : rest.substring(0, colon);
    return Values.zone(block, zone.isEmpty() ? "." : zone);
  }

  private void directive(Statement directive, List<String> zones) {
    switch (directive.name()) {
      case "kubernetes" -> kubernetes(directive, zones);
      case "forward" -> forward(directive, zones);
      case "cache" -> caching = CacheReader.read(directive, disabled);
      case "hosts" -> hosts(directive);
      case "autopath" -> {
        if (!directive.arguments().equals(List.of("@kubernetes"))) {
          throw directive.wrong("only 'autopath @kubernetes' is understood");
        }
        autopath = true;
      }
      case "tls" -> tls(directive);
      case "transfer" -> transfer(directive, zones);
      case "bind" -> bind.addAll(directive.arguments());
      case "health" -> health(directive);
      case "ready" -> ready = Optional.of(Values.at(directive, 8181));
      case "prometheus" -> prometheus = Optional.of(Values.at(directive, 9153));
      case "reload" -> {
        List<String> times = directive.arguments();
        reload =
            Optional.of(times.isEmpty() ? RELOAD : Values.duration(directive, times.getFirst()));
      }
      case "log" -> {
        directive.withoutArguments();
        directive.withoutBody();
        log = true;
      }
      // Faults are always logged, and addresses always take turns.
      case "errors", "loop" -> {
        directive.withoutArguments();
        directive.withoutBody();
      }
      case "loadbalance" -> {
        if (!directive.arguments().isEmpty()
            && !directive.arguments().equals(List.of("round_robin"))) {
          throw directive.wrong("only round_robin is understood");
        }
      }
      default ->
          throw directive.wrong(
              "'" + directive.name() + "' is not understood; docs/recipes/dns.md lists what is");
    }
  }

  private void kubernetes(Statement directive, List<String> zones) {
    Statement earlier = kubernetesAt;
    if (earlier != null) {
      throw directive.wrong("'kubernetes' stands at line " + earlier.line() + " already");
    }
    kubernetesAt = directive;
    KubernetesReader reader = new KubernetesReader(directive, zones);
    cluster = reader.zone();
    kubeconfig = reader.kubeconfig();
  }

  private void forward(Statement directive, List<String> zones) {
    ForwardReader reader = new ForwardReader(directive, resolvConf);
    concurrent = reader.concurrent().orElse(concurrent);
    for (String zone : reader.from().equals(".") ? zones : List.of(reader.from())) {
      if (routes.putIfAbsent(zone, reader.route(zone)) != null) {
        throw directive.wrong("the zone " + zone + " is forwarded already");
      }
    }
  }

  private void tls(Statement directive) {
    directive.withoutBody();
    List<String> words = directive.arguments();
    if (words.size() != 2) {
      throw directive.wrong("'tls' wants the files of a certificate and of its key, in PEM form");
    }
    if (tlsFiles != null) {
      throw directive.wrong("there is a 'tls' already; a server has one certificate");
    }
    tlsFiles = directive;
  }

  /// `transfer { to * }`
  private void transfer(Statement directive, List<String> zones) {
    if (!directive.arguments().isEmpty()) {
      zones = directive.arguments();
    }
    if (transferAt != null) {
      throw directive.wrong("there is a 'transfer' already; name all who may in one");
    }
    transferAt = directive;
    transferZones = zones;
    for (Statement option : directive.body()) {
      if (!option.name().equals("to") || option.arguments().isEmpty()) {
        throw option.wrong("'transfer' wants: to * or addresses");
      }
      for (String word : option.arguments()) {
        if (word.equals("*")) {
          transferTo.add(Prefix.parse("0.0.0.0/0"));
          transferTo.add(Prefix.parse("::/0"));
        } else {
          transferTo.add(Values.address(option, word).toPrefix());
        }
      }
    }
  }

  private Optional<DnsOverTls> overTls() {
    Statement files = tlsFiles;
    if (files == null) {
      if (tlsPort >= 0) {
        throw new InvalidCorefile(file, 1, "tls:// is served only with 'tls CERTIFICATE KEY'");
      }
      return Optional.empty();
    }
    if (tlsPort < 0) {
      throw files.wrong("'tls' stands in a block with an address such as tls://.:853");
    }
    List<String> words = files.arguments();
    return Optional.of(new DnsOverTls(tlsPort, Path.of(words.get(0)), Path.of(words.get(1))));
  }

  private void hosts(Statement directive) {
    List<Statement> lines = new ArrayList<>();
    for (String path : directive.arguments()) {
      if (!path.startsWith("/")) {
        throw directive.wrong("'hosts' for some zones only is not understood");
      }
      int number = 0;
      for (String line : resolvConf.lines(path)) {
        number++;
        String entry = line.replaceFirst("#.*", "").strip();
        if (!entry.isEmpty()) {
          lines.add(new Statement(path, number, List.of(entry.split("\\s+")), List.of()));
        }
      }
    }
    lines.addAll(directive.body());
    boolean goesOn = false;
    for (Statement line : lines) {
      if (line.name().equals("fallthrough")) {
        line.withoutArguments();
        goesOn = true;
      } else {
        host(line);
      }
    }
    if (!goesOn) {
      throw directive.wrong("'hosts' without 'fallthrough' would hide all other names; add it");
    }
  }

  private void host(Statement line) {
    IpAddress address = Values.address(line, line.name());
    for (String name : line.arguments()) {
      hosts.computeIfAbsent(Values.zone(line, name), _ -> new ArrayList<>()).add(address);
    }
  }

  private void health(Statement directive) {
    health = Optional.of(Values.at(directive, 8080));
    for (Statement option : directive.body()) {
      if (!option.name().equals("lameduck")) {
        throw option.wrong("'" + option.name() + "' is not understood in health");
      }
      lameduck = Values.duration(option, option.only());
    }
  }
}
