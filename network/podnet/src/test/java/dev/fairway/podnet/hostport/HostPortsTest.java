// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.hostport;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.nft.NfTables;
import dev.fairway.linux.nft.NftRequest;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Protocol;
import dev.fairway.net.TransportAddress;
import dev.fairway.podnet.cni.CniRequest.Attachment;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class HostPortsTest {
  private static final Attachment WEB = new Attachment("web", "eth0");
  private static final Attachment DNS = new Attachment("dns", "eth0");

  private static HostPort port(int port, String pod) {
    return new HostPort(
        Protocol.TCP, Optional.empty(), port, new TransportAddress(IpAddress.parse(pod), 80));
  }

  private static String ruleset(NetworkNamespace machine) throws IOException {
    Process nft = machine.start(new ProcessBuilder("nft", "list", "ruleset"));
    return new String(nft.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
  }

  private static void removeTables(NetworkNamespace machine) {
    try (NfTables tables = NfTables.open(machine)) {
      for (IpFamily family : IpFamily.values()) {
        tables.apply(List.of(new NftRequest.DeleteTable(new HostPortRules(family).table())));
      }
    }
  }

  @Test
  void tablesThatSomebodyRemovedComeBackWithTheNextPort() throws Exception {
    try (NetworkNamespace machine = NetworkNamespace.createAnonymous();
        HostPorts ports = new HostPorts(machine)) {
      ports.set(WEB, List.of(port(8080, "10.200.0.5")));
      removeTables(machine);
      ports.set(DNS, List.of(port(5353, "10.200.0.6")));
      assertThat(ruleset(machine)).contains("10.200.0.5 . 80", "10.200.0.6 . 80");
    }
  }

  @Test
  void portsCloseThoughSomebodyRemovedTheTables() throws Exception {
    try (NetworkNamespace machine = NetworkNamespace.createAnonymous();
        HostPorts ports = new HostPorts(machine)) {
      ports.set(WEB, List.of(port(8080, "10.200.0.5")));
      ports.set(DNS, List.of(port(5353, "10.200.0.6")));
      removeTables(machine);
      ports.clear(WEB);
      assertThat(ruleset(machine)).doesNotContain("10.200.0.5").contains("10.200.0.6 . 80");
    }
  }
}
