// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.settings;

import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/// Reads a `PodNetworkConfiguration`: the one list of its fields and what they are if not said.
final class SettingsReader {
  private static final int MOST = PodNetworkSettings.MOST_RANGES;

  private SettingsReader() {}

  static PodNetworkSettings read(Section document) {
    expect(document, "apiVersion", PodNetworkSettings.API_VERSION);
    expect(document, "kind", PodNetworkSettings.KIND);
    document.skip("metadata");
    PodNetworkSettings settings =
        new PodNetworkSettings(
            document.prefixes("podRanges", MOST),
            document.backend("backend", document.text("backend").orElse("vxlan")),
            document.sections("perSubnet", MOST, SettingsReader::subnet),
            document.section("vxlan").map(SettingsReader::vxlan).orElse(VxlanSettings.FLANNEL),
            mtu(document),
            masquerade(document),
            document.word("fastPath", "auto", "off", true),
            document.flag("antiSpoofing", true),
            document.flag("multicast", false),
            document.section("bgp").map(SettingsReader::bgp).orElse(BgpSettings.MESH),
            document
                .section("wireguard")
                .map(SettingsReader::wireGuard)
                .orElse(WireGuardSettings.USUAL),
            document.prefixes("serviceRanges", MOST));
    document.done();
    return settings;
  }

  private static void expect(Section document, String name, String value) {
    if (!document.text(name).orElse("").equals(value)) {
      throw document.wrong(name, "must be " + value);
    }
  }

  private static OptionalInt mtu(Section document) {
    if (document.text("mtu").orElse("auto").equals("auto")) {
      return OptionalInt.empty();
    }
    return OptionalInt.of(document.integer("mtu", 0));
  }

  private static MasqueradeSettings masquerade(Section document) {
    if (!document.has("masquerade") || document.isFlag("masquerade")) {
      return new MasqueradeSettings(document.flag("masquerade", true), List.of());
    }
    Section section = document.section("masquerade").orElseThrow();
    MasqueradeSettings read =
        new MasqueradeSettings(
            section.flag("enabled", true),
            section.prefixes("except", MasqueradeSettings.MOST_EXCEPTIONS));
    section.done();
    return read;
  }

  private static SubnetBackend subnet(Section section) {
    String nodes =
        section
            .text("nodes")
            .orElseThrow(
                () -> section.wrong("nodes", "must be own, or a prefix of node addresses"));
    return new SubnetBackend(
        nodes.equals("own") ? Optional.empty() : Optional.of(section.prefix("nodes", nodes)),
        section.backend(
            "backend",
            section.text("backend").orElseThrow(() -> section.wrong("backend", "must be given"))));
  }

  private static VxlanSettings vxlan(Section section) {
    VxlanSettings flannel = VxlanSettings.FLANNEL;
    VxlanSettings read =
        new VxlanSettings(
            section.integer("vni", flannel.vni()),
            section.integer("port", flannel.port()),
            macPrefix(section, "macPrefix"));
    section.done();
    return read;
  }

  private static WireGuardSettings wireGuard(Section section) {
    WireGuardSettings usual = WireGuardSettings.USUAL;
    String driver = section.text("driver").orElse(usual.driver().toString());
    WireGuardSettings.Driver chosen =
        switch (driver) {
          case "auto" -> WireGuardSettings.Driver.AUTO;
          case "kernel" -> WireGuardSettings.Driver.KERNEL;
          case "userspace" -> WireGuardSettings.Driver.USERSPACE;
          default -> throw section.wrong("driver", "must be auto, kernel or userspace");
        };
    WireGuardSettings read =
        new WireGuardSettings(
            section.integer("port", usual.port()),
            Duration.ofSeconds(
                section.integer("persistentKeepaliveSeconds", (int) usual.keepalive().toSeconds())),
            chosen);
    section.done();
    return read;
  }

  /// Two octets as `0e:fa` or, as flannel writes them, `0E-2A`.
  static int macPrefix(Section section, String name) {
    Optional<String> text = section.text(name);
    if (text.isEmpty()) {
      return VxlanSettings.FLANNEL.macPrefix();
    }
    String octets = text.get();
    if (octets.length() == 5 && (octets.charAt(2) == ':' || octets.charAt(2) == '-')) {
      int value = 0;
      for (int i : new int[] {0, 1, 3, 4}) {
        int digit = Character.digit(octets.charAt(i), 16);
        value = digit < 0 || value < 0 ? -1 : value << 4 | digit;
      }
      if (value >= 0 && (value & 0x0100) == 0) {
        return value;
      }
    }
    throw section.wrong(name, "must be two octets of an address of one device, such as \"0e:fa\"");
  }

  private static BgpSettings bgp(Section section) {
    BgpSettings otherwise = BgpSettings.MESH;
    List<String> reflectors = section.texts("routeReflectors", 64);
    BgpSettings read =
        new BgpSettings(
            section.number("as", otherwise.as()),
            section.address("routerId"),
            section.integer("port", otherwise.port()),
            section.flag("mesh", reflectors.isEmpty()),
            reflectors,
            Duration.ofSeconds(section.number("holdTimeSeconds", otherwise.holdTime().toSeconds())),
            Duration.ofSeconds(
                section.number("gracefulRestartSeconds", otherwise.gracefulRestart().toSeconds())),
            bfd(section),
            section.sections("peers", BgpSettings.MOST_PEERS, s -> peer(s, otherwise.port())),
            section.prefixes("advertise", MOST));
    section.done();
    return read;
  }

  private static Optional<BgpSettings.Bfd> bfd(Section bgp) {
    if (!bgp.has("bfd") || bgp.isFlag("bfd")) {
      return bgp.flag("bfd", false) ? Optional.of(BgpSettings.Bfd.FAST) : Optional.empty();
    }
    Section section = bgp.section("bfd").orElseThrow();
    BgpSettings.Bfd fast = BgpSettings.Bfd.FAST;
    BgpSettings.Bfd read =
        new BgpSettings.Bfd(
            Duration.ofMillis(section.number("intervalMillis", fast.interval().toMillis())),
            section.integer("multiplier", fast.multiplier()));
    section.done();
    return Optional.of(read);
  }

  private static BgpSettings.Peer peer(Section section, int port) {
    var address =
        section
            .address("address")
            .orElseThrow(() -> section.wrong("address", "must be given, such as 192.0.2.1"));
    return new BgpSettings.Peer(
        section.text("name").orElse(address.toString()),
        address,
        section.integer("port", port),
        section.number("as", 0),
        section.texts("nodes", 1024),
        section.text("passwordSecret"),
        section.integer("multihop", 1),
        section.flag("bfd", false),
        section.texts("communities", 64),
        section.prefixes("accept", 1024),
        section.prefixes("reject", 1024));
  }
}
