// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.settings;

import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeSet;

/// What is wanted of the pod network of a cluster: the same for every node, whole, changeable while
/// the cluster runs.
///
/// @param podRanges of all pods, one or more a family; the families they have are those pods get
/// @param backend how packets reach other nodes' pods where `perSubnet` says nothing else
/// @param perSubnet other backends for some pairs of nodes; the first that fits counts
/// @param vxlan the tunnel of backend `vxlan`
/// @param mtu the largest packet of a pod in bytes, empty: what the network between the machines
///   carries, less what the backend adds
/// @param masquerade of what leaves the cluster
/// @param fastPath whether pods of one node are joined past the routing, where the kernel can
/// @param antiSpoofing whether a pod may send only by its own addresses
/// @param multicast whether what a pod sends to a group reaches the pods in it
/// @param bgp the speakers of backend `bgp`
/// @param wireguard the tunnel of backend `wireguard`
/// @param serviceRanges addresses of Services, which no range of pods may overlap
public record PodNetworkSettings(
    List<Prefix> podRanges,
    BackendKind backend,
    List<SubnetBackend> perSubnet,
    VxlanSettings vxlan,
    OptionalInt mtu,
    MasqueradeSettings masquerade,
    boolean fastPath,
    boolean antiSpoofing,
    boolean multicast,
    BgpSettings bgp,
    WireGuardSettings wireguard,
    List<Prefix> serviceRanges) {
  public static final String API_VERSION = "podnet.fairway.dev/v1";
  public static final String KIND = "PodNetworkConfiguration";

  /// The least that every IPv6 link must carry (RFC 8200 5).
  public static final int LEAST_IPV6_MTU = 1280;

  /// The least that every IPv4 host must take (RFC 791 3.2).
  private static final int LEAST_IPV4_MTU = 576;

  static final int MOST_RANGES = 64;

  public PodNetworkSettings {
    podRanges = List.copyOf(podRanges);
    perSubnet = List.copyOf(perSubnet);
    InvalidSettings.unless(
        !podRanges.isEmpty() && podRanges.size() <= MOST_RANGES,
        "podRanges",
        "must hold 1 to " + MOST_RANGES + " ranges such as 10.200.0.0/16");
    for (int i = 0; i < podRanges.size(); i++) {
      Prefix range = podRanges.get(i);
      checkForPods("podRanges[" + i + "]", range);
      for (Prefix earlier : podRanges.subList(0, i)) {
        InvalidSettings.unless(
            !earlier.overlaps(range), "podRanges[" + i + "]", range + " overlaps " + earlier);
      }
    }
    serviceRanges = List.copyOf(serviceRanges);
    InvalidSettings.unless(
        serviceRanges.size() <= MOST_RANGES, "serviceRanges", "must have at most " + MOST_RANGES);
    for (int i = 0; i < serviceRanges.size(); i++) {
      Prefix services = serviceRanges.get(i);
      for (int j = 0; j < podRanges.size(); j++) {
        InvalidSettings.unless(
            !services.overlaps(podRanges.get(j)),
            "serviceRanges[" + i + "]",
            services + " overlaps podRanges[" + j + "], " + podRanges.get(j));
      }
    }
    InvalidSettings.unless(
        perSubnet.size() <= MOST_RANGES, "perSubnet", "must have at most " + MOST_RANGES);
    if (mtu.isPresent()) {
      int least = leastMtu(podRanges);
      InvalidSettings.unless(
          mtu.getAsInt() >= least && mtu.getAsInt() <= 65535,
          "mtu",
          "must be auto or from " + least + " to 65535");
    }
  }

  /// @throws InvalidSettings by the name of the field, if pods cannot have addresses of the range
  static void checkForPods(String field, Prefix range) {
    InvalidSettings.unless(
        range.length() >= 4
            && !range.address().isMulticast()
            && !range.address().isLoopback()
            && !range.address().isLinkLocal(),
        field,
        range + " cannot be pods' addresses; take a private range such as 10.200.0.0/16");
  }

  /// What pods with addresses of these ranges must be able to send.
  static int leastMtu(List<Prefix> ranges) {
    boolean v6 = ranges.stream().anyMatch(range -> range.family() == IpFamily.IPV6);
    return v6 ? LEAST_IPV6_MTU : LEAST_IPV4_MTU;
  }

  /// Everything else as people expect it who say no more.
  public static PodNetworkSettings of(BackendKind backend, List<Prefix> podRanges) {
    return new PodNetworkSettings(
        podRanges,
        backend,
        List.of(),
        VxlanSettings.FLANNEL,
        OptionalInt.empty(),
        new MasqueradeSettings(true, List.of()),
        true,
        true,
        false,
        BgpSettings.MESH,
        WireGuardSettings.USUAL,
        List.of());
  }

  /// Reads a `PodNetworkConfiguration`, or flannel's `net-conf.json`, from YAML or JSON.
  ///
  /// @throws InvalidSettings if it cannot be used; the message names the field
  public static PodNetworkSettings parse(String text) {
    Section document = Section.of(SettingsText.read(text));
    return FlannelConfiguration.isOne(document)
        ? FlannelConfiguration.read(document)
        : SettingsReader.read(document);
  }

  /// Whether machines can have these addresses beside such pods.
  ///
  /// @throws InvalidSettings if one of them is in a range of pods
  public void checkApart(List<IpAddress> machines) {
    for (IpAddress machine : machines) {
      for (int i = 0; i < podRanges.size(); i++) {
        InvalidSettings.unless(
            !podRanges.get(i).contains(machine),
            "podRanges[" + i + "]",
            podRanges.get(i) + " has the address " + machine + " of a machine in it");
      }
    }
  }

  /// The backends that may carry packets of some pair of nodes.
  public Set<BackendKind> backends() {
    Set<BackendKind> all = new TreeSet<>();
    all.add(backend);
    perSubnet.forEach(subnet -> all.add(subnet.backend()));
    return all;
  }

  /// The families of pods, IPv4 first.
  public List<IpFamily> families() {
    List<IpFamily> families = new ArrayList<>();
    for (IpFamily family : IpFamily.values()) {
      if (podRanges.stream().anyMatch(range -> range.family() == family)) {
        families.add(family);
      }
    }
    return families;
  }
}
