// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.linux.Conntrack.Flow;
import dev.fairway.linux.RouteRequest.ChangeLink;
import dev.fairway.linux.nft.NfTables;
import dev.fairway.linux.nft.NftChain;
import dev.fairway.linux.nft.NftExpression.Connection;
import dev.fairway.linux.nft.NftExpression.ConnectionKey;
import dev.fairway.linux.nft.NftRequest.AddChain;
import dev.fairway.linux.nft.NftRequest.AddRule;
import dev.fairway.linux.nft.NftRequest.AddTable;
import dev.fairway.linux.nft.NftTable;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Protocol;
import dev.fairway.net.TransportAddress;
import java.net.InetSocketAddress;
import java.net.StandardProtocolFamily;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import java.util.List;
import org.junit.jupiter.api.Test;

class ConntrackTest {
  @Test
  void flowsAreSeenAndForgotten() throws Exception {
    NftTable table = new NftTable(NftTable.Family.IP, "track");
    NftChain output = NftChain.base(table, "output", NftChain.Type.FILTER, NftChain.Hook.OUTPUT, 0);
    try (NetworkNamespace namespace = NetworkNamespace.createAnonymous();
        RouteNetlink links = RouteNetlink.open(namespace);
        NfTables tables = NfTables.open(namespace);
        Conntrack conntrack = Conntrack.open(namespace);
        DatagramChannel client =
            namespace.call(() -> DatagramChannel.open(StandardProtocolFamily.INET));
        DatagramChannel server =
            namespace.call(() -> DatagramChannel.open(StandardProtocolFamily.INET))) {
      links.apply(ChangeLink.of("lo").setUp());
      // The kernel tracks connections only where a rule asks about them.
      tables.apply(
          List.of(
              new AddTable(table),
              new AddChain(output),
              AddRule.of(output, new Connection(ConnectionKey.STATE, 0))));
      server.bind(new InetSocketAddress("127.0.0.1", 5353));
      client.bind(new InetSocketAddress("127.0.0.1", 5000));
      client.send(ByteBuffer.allocate(1), server.getLocalAddress());
      IpAddress loopback = IpAddress.parse("127.0.0.1");
      TransportAddress from = new TransportAddress(loopback, 5000);
      TransportAddress to = new TransportAddress(loopback, 5353);
      assertThat(conntrack.flows(IpFamily.IPV4))
          .containsExactly(new Flow(Protocol.UDP.number(), from, to, to, from));
      assertThat(conntrack.deleteIf(IpFamily.IPV4, flow -> flow.server().port() == 53)).isZero();
      assertThat(conntrack.deleteIf(IpFamily.IPV4, flow -> flow.server().equals(to))).isOne();
      assertThat(conntrack.flows(IpFamily.IPV4)).isEmpty();
    }
  }
}
