// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.settings;

import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/// Flannel's `net-conf.json` (flannel's Documentation/configuration.md and backends.md), for people
/// who bring theirs. Its fields about the size of nodes' ranges are passed over, as they are by
/// flannel when the ranges come from Node objects.
final class FlannelConfiguration {
  /// What vxlan adds to a packet by flannel's count, whatever the family outside.
  private static final int OVERHEAD = 50;

  private FlannelConfiguration() {}

  static boolean isOne(Section document) {
    return !document.has("kind")
        && !document.has("apiVersion")
        && (document.has("Network") || document.has("IPv6Network") || document.has("Backend"));
  }

  static PodNetworkSettings read(Section document) {
    List<Prefix> ranges = new ArrayList<>();
    range(document, "EnableIPv4", true, "Network", IpFamily.IPV4, ranges);
    range(document, "EnableIPv6", false, "IPv6Network", IpFamily.IPV6, ranges);
    document.skip("SubnetLen", "SubnetMin", "SubnetMax", "EnableNFTables");
    document.skip("IPv6SubnetLen", "IPv6SubnetMin", "IPv6SubnetMax");
    Section backend =
        document
            .section("Backend")
            .orElseThrow(() -> document.wrong("Backend", "must be given, such as {Type: vxlan}"));
    PodNetworkSettings read = withBackend(ranges, backend);
    backend.done();
    document.done();
    return read;
  }

  private static void range(
      Section document,
      String enabled,
      boolean otherwise,
      String name,
      IpFamily family,
      List<Prefix> ranges) {
    boolean wanted = document.flag(enabled, otherwise);
    var range = document.prefix(name);
    if (!wanted) {
      return;
    }
    Prefix prefix =
        range.orElseThrow(() -> document.wrong(name, "must be given, as " + enabled + " is true"));
    if (prefix.family() != family) {
      throw document.wrong(name, "must be a range of the other family");
    }
    PodNetworkSettings.checkForPods(name, prefix);
    ranges.add(prefix);
  }

  private static PodNetworkSettings withBackend(List<Prefix> ranges, Section backend) {
    String type = backend.text("Type").orElse("");
    List<SubnetBackend> perSubnet = List.of();
    VxlanSettings vxlan = VxlanSettings.FLANNEL;
    OptionalInt mtu = OptionalInt.empty();
    WireGuardSettings wireGuard = WireGuardSettings.USUAL;
    BackendKind kind;
    switch (type) {
      case "vxlan" -> {
        kind = BackendKind.VXLAN;
        vxlan =
            new VxlanSettings(
                backend.integer("VNI", vxlan.vni(), 1, VxlanSettings.LAST_VNI),
                backend.integer("Port", vxlan.port(), 1, 65535),
                SettingsReader.macPrefix(backend, "MacPrefix"));
        mtu = mtu(ranges, backend);
        refuse(backend, "GBP");
        refuse(backend, "Learning");
        if (backend.flag("DirectRouting", false)) {
          perSubnet = List.of(new SubnetBackend(Optional.empty(), BackendKind.ROUTES));
        }
      }
      case "host-gw" -> {
        kind = BackendKind.ROUTES;
        backend.skip("MTU"); // as by flannel: pods get the MTU of the machines' network
      }
      case "wireguard" -> {
        kind = BackendKind.WIREGUARD;
        wireGuard = wireGuard(backend);
      }
      default ->
          throw backend.wrong(
              "Type", "must be vxlan, host-gw or wireguard; others than those are not known");
    }
    PodNetworkSettings plain = PodNetworkSettings.of(kind, ranges);
    return new PodNetworkSettings(
        plain.podRanges(),
        kind,
        perSubnet,
        vxlan,
        mtu,
        plain.masquerade(),
        plain.fastPath(),
        plain.antiSpoofing(),
        plain.multicast(),
        plain.bgp(),
        wireGuard,
        plain.serviceRanges());
  }

  /// Flannel's `separate` has a second device and port for IPv6; here one device carries both, as
  /// in its other modes.
  private static WireGuardSettings wireGuard(Section backend) {
    backend.skip("ListenPortV6", "Mode", "MTU");
    if (!backend.text("PSK").orElse("").isEmpty()) {
      throw backend.wrong("PSK", "must be empty: keys shared by all nodes are not known here");
    }
    WireGuardSettings usual = WireGuardSettings.USUAL;
    return new WireGuardSettings(
        backend.integer("ListenPort", usual.port(), 1, 65535),
        Duration.ofSeconds(backend.integer("PersistentKeepaliveInterval", 0, 0, 65535)),
        usual.driver());
  }

  /// Flannel's `MTU` is that of the machines' network: pods get what the tunnel leaves.
  private static OptionalInt mtu(List<Prefix> ranges, Section backend) {
    if (backend.integer("MTU", 0) == 0) {
      return OptionalInt.empty();
    }
    int least = PodNetworkSettings.leastMtu(ranges) + OVERHEAD;
    return OptionalInt.of(backend.integer("MTU", 0, least, 65535) - OVERHEAD);
  }

  private static void refuse(Section backend, String name) {
    if (backend.flag(name, false)) {
      throw backend.wrong(name, "must be false: all forwarding is set from the Node objects");
    }
  }
}
