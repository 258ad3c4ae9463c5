// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns.corefile;

import dev.fairway.dns.Forwarding;
import dev.fairway.dns.UpstreamTls;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// `forward . 192.0.2.53 { … }`
final class ForwardReader {
  private final String from;
  private final List<InetSocketAddress> upstreams = new ArrayList<>();
  private Forwarding.Order order = Forwarding.Order.RANDOM;
  private Optional<Integer> concurrent = Optional.empty();
  private String serverName = "";
  private Optional<Path> authorities = Optional.empty();
  private final boolean secure;

  ForwardReader(Statement directive, Corefile.ResolvConf resolvConf) {
    List<String> words = directive.arguments();
    if (words.size() < 2) {
      throw directive.wrong("'forward' wants a zone and resolvers: forward . /etc/resolv.conf");
    }
    from = Values.zone(directive, words.getFirst());
    List<String> to = words.subList(1, words.size());
    secure = to.getFirst().startsWith("tls://");
    for (String word : to) {
      if (secure != word.startsWith("tls://")) {
        throw directive.wrong("all resolvers of a 'forward' are asked over TLS, or none");
      }
      if (word.startsWith("/")) {
        upstreams.addAll(Values.nameServers(resolvConf.lines(word)));
      } else {
        upstreams.add(Values.upstream(directive, word));
      }
    }
    directive.body().forEach(this::option);
  }

  private void option(Statement option) {
    switch (option.name()) {
      case "max_concurrent" ->
          concurrent = Optional.of(Values.number(option, option.only(), 1, 1_000_000));
      case "prefer_udp" -> option.withoutArguments();
      case "policy" ->
          order =
              switch (option.only()) {
                case "random" -> Forwarding.Order.RANDOM;
                case "round_robin" -> Forwarding.Order.ROUND_ROBIN;
                case "sequential" -> Forwarding.Order.SEQUENTIAL;
                default -> throw option.wrong("policy is random, round_robin or sequential");
              };
      case "tls_servername" -> {
        mustBeSecure(option);
        serverName = Values.zone(option, option.only());
      }
      case "tls" -> {
        mustBeSecure(option);
        if (option.arguments().size() > 1) {
          throw option.wrong("'tls' takes a file of authorities or nothing; no client certificate");
        }
        authorities = option.arguments().stream().findFirst().map(Path::of);
      }
      default -> throw option.wrong("'" + option.name() + "' is not understood in forward");
    }
  }

  private void mustBeSecure(Statement option) {
    if (!secure) {
      throw option.wrong("'" + option.name() + "' wants resolvers such as tls://192.0.2.53");
    }
  }

  String from() {
    return from;
  }

  Optional<Integer> concurrent() {
    return concurrent;
  }

  Forwarding.Route route(String zone) {
    return new Forwarding.Route(
        zone,
        upstreams,
        order,
        secure ? Optional.of(new UpstreamTls(serverName, authorities)) : Optional.empty());
  }
}
