// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet;

import dev.fairway.kubelet.cri.v1.DNSConfig;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodDNSConfig;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.SequencedSet;

/// What a pod finds in `/etc/resolv.conf`, by its dnsPolicy and dnsConfig.
final class PodDns {
  // What glibc and musl read at most.
  private static final int MAX_SERVERS = 3;
  private static final int MAX_SEARCHES = 32;

  private PodDns() {}

  /// @param hostResolvConf the lines of the machine's resolv.conf
  static DNSConfig of(Pod pod, String clusterDns, String domain, List<String> hostResolvConf) {
    SequencedSet<String> servers = new LinkedHashSet<>();
    SequencedSet<String> searches = new LinkedHashSet<>();
    Map<String, String> options = new LinkedHashMap<>();
    String policy = policy(pod);
    if (policy.equals("ClusterFirst") && !clusterDns.isEmpty()) {
      servers.add(clusterDns);
      searches.add(pod.getMetadata().getNamespace() + ".svc." + domain);
      searches.add("svc." + domain);
      searches.add(domain);
      options.put("ndots", "5");
      words(hostResolvConf, "search").forEach(searches::add);
    } else if (!policy.equals("None")) {
      words(hostResolvConf, "nameserver").forEach(servers::add);
      words(hostResolvConf, "search").forEach(searches::add);
      words(hostResolvConf, "options").forEach(option -> addOption(options, option));
    }
    addOwn(pod.getSpec().getDnsConfig(), servers, searches, options);
    DNSConfig.Builder config = DNSConfig.newBuilder();
    servers.stream().limit(MAX_SERVERS).forEach(config::addServers);
    searches.stream().limit(MAX_SEARCHES).forEach(config::addSearches);
    options.forEach(
        (name, value) -> config.addOptions(value.isEmpty() ? name : name + ":" + value));
    return config.build();
  }

  private static String policy(Pod pod) {
    String policy = pod.getSpec().getDnsPolicy();
    if ("ClusterFirstWithHostNet".equals(policy)) {
      return "ClusterFirst";
    }
    boolean cluster = policy == null || policy.equals("ClusterFirst");
    if (cluster) {
      // The machine's own network may not reach the cluster's DNS, so there it must be asked for.
      return Boolean.TRUE.equals(pod.getSpec().getHostNetwork()) ? "Default" : "ClusterFirst";
    }
    return policy;
  }

  private static void addOwn(
      PodDNSConfig own,
      SequencedSet<String> servers,
      SequencedSet<String> searches,
      Map<String, String> options) {
    if (own == null) {
      return;
    }
    if (own.getNameservers() != null) {
      servers.addAll(own.getNameservers());
    }
    if (own.getSearches() != null) {
      searches.addAll(own.getSearches());
    }
    if (own.getOptions() != null) {
      own.getOptions()
          .forEach(o -> options.put(o.getName(), o.getValue() == null ? "" : o.getValue()));
    }
  }

  private static void addOption(Map<String, String> options, String option) {
    int colon = option.indexOf(':');
    options.put(
        colon < 0 ? option : option.substring(0, colon),
        colon < 0 ? "" : option.substring(colon + 1));
  }

  private static List<String> words(List<String> lines, String keyword) {
    return lines.stream()
        .map(line -> line.strip().split("\\s+"))
        .filter(words -> words[0].equals(keyword))
        .flatMap(words -> List.of(words).subList(1, words.length).stream())
        .toList();
  }
}
