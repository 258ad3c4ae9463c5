// SPDX-License-Identifier: Apache-2.0
package dev.fairway.provision;

import dev.fairway.linux.Link;
import dev.fairway.linux.RouteNetlink;
import dev.fairway.linux.Sysctls;
import dev.fairway.linux.nft.NfTables;
import dev.fairway.linux.nft.NftChain;
import dev.fairway.linux.nft.NftExpression.Bitwise;
import dev.fairway.linux.nft.NftExpression.Compare;
import dev.fairway.linux.nft.NftExpression.Header;
import dev.fairway.linux.nft.NftExpression.Masquerade;
import dev.fairway.linux.nft.NftExpression.Meta;
import dev.fairway.linux.nft.NftExpression.MetaKey;
import dev.fairway.linux.nft.NftExpression.Payload;
import dev.fairway.linux.nft.NftRequest.AddChain;
import dev.fairway.linux.nft.NftRequest.AddRule;
import dev.fairway.linux.nft.NftRequest.AddTable;
import dev.fairway.linux.nft.NftRequest.DeleteTable;
import dev.fairway.linux.nft.NftTable;
import dev.fairway.linux.nft.NftValue;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/// Lets the machines reach what the host reaches, for pulling images: the host forwards, and their
/// packets leave with the host's own address. Nothing is let in.
final class WayOut {
  private static final String FORWARDING = "net.ipv4.ip_forward";
  private static final int SOURCE_NAT = 100;
  private static final int SOURCE_ADDRESS_OFFSET = 12;

  private WayOut() {}

  static void open(ClusterSpec spec, ClusterPaths paths) {
    try {
      Path before = remembered(paths);
      if (!Files.exists(before)) {
        Files.createDirectories(before.getParent());
        Pem.writeWhole(before, Sysctls.read(FORWARDING) + "\n", Pem.FOR_ALL);
      }
      Sysctls.write(FORWARDING, "1");
      masquerade(spec.machineNetwork(), paths);
    } catch (IOException e) {
      throw new ProvisionException("forwarding cannot be switched on: " + e.getMessage(), e);
    }
  }

  private static void masquerade(Prefix machines, ClusterPaths paths) {
    NftTable table = table(paths);
    NftChain leaving =
        NftChain.base(table, "leaving", NftChain.Type.NAT, NftChain.Hook.POSTROUTING, SOURCE_NAT);
    try (NfTables nftables = NfTables.open();
        RouteNetlink host = RouteNetlink.open()) {
      int bridge = host.link(paths.bridge()).map(Link::index).orElseThrow();
      nftables.apply(
          List.of(
              new AddTable(table),
              new DeleteTable(table),
              new AddTable(table),
              new AddChain(leaving),
              AddRule.of(
                  leaving,
                  new Payload(
                      Header.NETWORK, SOURCE_ADDRESS_OFFSET, IpFamily.IPV4.addressBytes(), 0),
                  new Bitwise(0, netmask(machines.length()), NftValue.number(0)),
                  new Compare(0, true, NftValue.of(machines.address())),
                  new Meta(MetaKey.OUTPUT_INDEX, 0),
                  new Compare(0, false, NftValue.number(bridge)),
                  new Masquerade())));
    }
  }

  private static NftValue netmask(int length) {
    return NftValue.of(IpAddress.ofIpv4((int) (-1L << (32 - length))));
  }

  private static NftTable table(ClusterPaths paths) {
    return new NftTable(NftTable.Family.of(IpFamily.IPV4), paths.cgroup());
  }

  static void close(ClusterPaths paths) {
    NftTable table = table(paths);
    try (NfTables nftables = NfTables.open()) {
      if (nftables.tables().contains(table)) {
        nftables.apply(List.of(new DeleteTable(table)));
      }
    }
    try {
      Path before = remembered(paths);
      boolean last = ClusterSpecFile.clusters().stream().allMatch(paths.cluster()::equals);
      if (last && Files.exists(before)) {
        Sysctls.write(FORWARDING, Files.readString(before).strip());
        Files.delete(before);
      }
    } catch (IOException e) {
      throw new ProvisionException("forwarding cannot be set back: " + e.getMessage(), e);
    }
  }

  /// What the host had before the first of its clusters; gone after a reboot, as the setting is.
  private static Path remembered(ClusterPaths paths) {
    return paths.run().resolveSibling("ip_forward.before");
  }
}
