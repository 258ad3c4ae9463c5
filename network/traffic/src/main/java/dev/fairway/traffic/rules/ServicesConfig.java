// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.rules;

import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/// What the Services of a node need to know about it.
///
/// @param nodeName the node's name, as in `spec.nodeName`
/// @param nodePortAddresses the node's own addresses that node ports are served at
/// @param podPrefixes the pod network of the whole cluster: connections from it keep their source
/// @param leftAlone addresses that something else serves on this node, such as the cluster's DNS:
///   neither redirected nor refused
/// @param serviceRanges where cluster addresses come from: what goes to one that no Service has is
///   dropped; none if they are not known
/// @param externalIps whether `spec.externalIPs` is served. Whoever may write Services could take
///   any address's traffic with it (CVE-2020-8554)
/// @param cgroup the control group of the node's processes and pods, a directory of the unified
///   hierarchy; EBPF balances at the sockets of those in it
public record ServicesConfig(
    String nodeName,
    List<IpAddress> nodePortAddresses,
    List<Prefix> podPrefixes,
    Set<IpAddress> leftAlone,
    List<Prefix> serviceRanges,
    boolean externalIps,
    Datapath datapath,
    Optional<Path> cgroup) {
  /// What carries the rules out.
  public enum Datapath {
    NFTABLES,
    IPTABLES,
    EBPF;

    /// As users write it.
    public String word() {
      return name().toLowerCase(Locale.ROOT);
    }

    /// The one of a name.
    ///
    /// @throws IllegalArgumentException if there is none of that name
    public static Datapath of(String word) {
      for (Datapath datapath : values()) {
        if (datapath.word().equals(word)) {
          return datapath;
        }
      }
      throw new IllegalArgumentException("\"" + word + "\" is not nftables, iptables or ebpf");
    }
  }

  public ServicesConfig {
    nodePortAddresses = List.copyOf(nodePortAddresses);
    podPrefixes = List.copyOf(podPrefixes);
    leftAlone = Set.copyOf(leftAlone);
    serviceRanges = List.copyOf(serviceRanges);
    for (IpAddress address : nodePortAddresses) {
      if (address.isUnspecified() || address.isLoopback() || address.isMulticast()) {
        throw new IllegalArgumentException(
            "node ports cannot be served at " + address + "; name the node's own addresses");
      }
    }
  }

  /// A node without external addresses.
  public static ServicesConfig of(
      String nodeName, List<IpAddress> nodePortAddresses, List<Prefix> podPrefixes) {
    return new ServicesConfig(
        nodeName,
        nodePortAddresses,
        podPrefixes,
        Set.of(),
        List.of(),
        false,
        Datapath.NFTABLES,
        Optional.empty());
  }

  public ServicesConfig withNodePortAddresses(List<IpAddress> addresses) {
    return new ServicesConfig(
        nodeName, addresses, podPrefixes, leftAlone, serviceRanges, externalIps, datapath, cgroup);
  }

  public ServicesConfig withLeftAlone(Set<IpAddress> addresses) {
    return new ServicesConfig(
        nodeName,
        nodePortAddresses,
        podPrefixes,
        addresses,
        serviceRanges,
        externalIps,
        datapath,
        cgroup);
  }

  public ServicesConfig withServiceRanges(List<Prefix> ranges) {
    return new ServicesConfig(
        nodeName, nodePortAddresses, podPrefixes, leftAlone, ranges, externalIps, datapath, cgroup);
  }

  public ServicesConfig withExternalIps(boolean served) {
    return new ServicesConfig(
        nodeName,
        nodePortAddresses,
        podPrefixes,
        leftAlone,
        serviceRanges,
        served,
        datapath,
        cgroup);
  }

  public ServicesConfig withDatapath(Datapath other) {
    return new ServicesConfig(
        nodeName,
        nodePortAddresses,
        podPrefixes,
        leftAlone,
        serviceRanges,
        externalIps,
        other,
        cgroup);
  }

  public ServicesConfig withCgroup(Path group) {
    return new ServicesConfig(
        nodeName,
        nodePortAddresses,
        podPrefixes,
        leftAlone,
        serviceRanges,
        externalIps,
        datapath,
        Optional.of(group));
  }

  /// Whether connections from an address are balanced where they begin, if it is a pod's of this
  /// node or the node's own.
  boolean balancesAtSockets(IpAddress source) {
    return datapath == Datapath.EBPF
        && cgroup.isPresent()
        && (isPods(source) || nodePortAddresses.contains(source));
  }

  /// Whether an address is a pod's.
  public boolean isPods(IpAddress address) {
    for (Prefix prefix : podPrefixes) {
      if (prefix.family() == address.family() && prefix.contains(address)) {
        return true;
      }
    }
    return false;
  }

  /// Whether the pod network of an address's family is known at all.
  public boolean knowsPods(IpAddress address) {
    return podPrefixes.stream().anyMatch(prefix -> prefix.family() == address.family());
  }
}
