// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns.corefile;

import dev.fairway.dns.ClusterZone;
import dev.fairway.dns.PodNames;
import dev.fairway.net.Prefix;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// `kubernetes cluster.local in-addr.arpa ip6.arpa { … }`
final class KubernetesReader {
  private static final int MOST_TTL_SECONDS = 3600;
  private static final List<Prefix> EVERYTHING =
      List.of(Prefix.parse("0.0.0.0/0"), Prefix.parse("::/0"));

  private PodNames podNames = PodNames.DISABLED;
  private Duration ttl = Duration.ofSeconds(5);
  private List<String> fallthrough = List.of();
  private Optional<String> kubeconfig = Optional.empty();
  private final String domain;
  private final List<Prefix> reverse = new ArrayList<>();

  KubernetesReader(Statement directive, List<String> zones) {
    String found = null;
    List<String> names = directive.arguments().isEmpty() ? zones : directive.arguments();
    for (String name : names) {
      String zone = Values.zone(directive, name);
      Prefix range = reverse(directive, zone);
      if (range != null) {
        reverse.add(range);
      } else if (found == null) {
        found = zone;
      } else {
        throw directive.wrong("one cluster domain is served, and " + found + " is the first");
      }
    }
    if (found == null || found.equals(".")) {
      throw directive.wrong("'kubernetes' wants the cluster's domain, such as cluster.local");
    }
    domain = found;
    directive.body().forEach(option -> option(option, names));
  }

  /// The addresses of a reverse zone; null for another.
  private static @Nullable Prefix reverse(Statement directive, String zone) {
    if (zone.equals("in-addr.arpa")) {
      return EVERYTHING.getFirst();
    }
    if (zone.equals("ip6.arpa")) {
      return EVERYTHING.getLast();
    }
    if (zone.indexOf('/') > 0) {
      try {
        return Prefix.parse(zone);
      } catch (IllegalArgumentException e) {
        throw directive.wrong(String.valueOf(e.getMessage()));
      }
    }
    if (zone.endsWith(".arpa")) {
      throw directive.wrong(zone + ": write the range itself, such as 10.32.0.0/16");
    }
    return null;
  }

  private void option(Statement option, List<String> zones) {
    switch (option.name()) {
      case "pods" ->
          podNames =
              switch (option.only()) {
                case "disabled" -> PodNames.DISABLED;
                case "insecure" -> PodNames.INSECURE;
                case "verified" -> PodNames.VERIFIED;
                default -> throw option.wrong("pods is disabled, insecure or verified");
              };
      case "ttl" ->
          ttl = Duration.ofSeconds(Values.number(option, option.only(), 0, MOST_TTL_SECONDS));
      case "fallthrough" -> {
        List<String> named = option.arguments().isEmpty() ? zones : option.arguments();
        fallthrough = named.stream().map(zone -> Values.zone(option, zone)).toList();
      }
      case "kubeconfig" -> kubeconfig = Optional.of(option.only());
      default -> throw option.wrong("'" + option.name() + "' is not understood in kubernetes");
    }
  }

  ClusterZone zone() {
    return new ClusterZone(
        domain, reverse, EVERYTHING, podNames, ttl, fallthrough, false, List.of());
  }

  Optional<String> kubeconfig() {
    return kubeconfig;
  }
}
