// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.bgp.wire.Capability;
import dev.fairway.bgp.wire.Message;
import dev.fairway.bgp.wire.Message.Open;
import dev.fairway.bgp.wire.MessageReader;
import dev.fairway.bgp.wire.MessageWriter;
import dev.fairway.bgp.wire.Notification;
import dev.fairway.bgp.wire.PathAttributes;
import dev.fairway.bgp.wire.SessionTerms;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.util.List;
import java.util.Set;

/// A neighbour of AS 65002 that speaks by hand, to the speaker at 10.99.0.1. It takes little at a
/// time, and nothing unless it is told to.
final class Liar implements AutoCloseable {
  static final SessionTerms EXTERNAL =
      new SessionTerms(false, true, 4096, Set.of(IpFamily.IPV4), false);
  private static final int LITTLE = 4096;

  private final SocketChannel channel;
  private final IpAddress own;
  private final ByteBuffer buffer = ByteBuffer.allocate(65536).flip();

  Liar(NetworkNamespace router, int number) throws Exception {
    own = IpAddress.parse("10.99.0." + number);
    channel = router.call(SocketChannel::open);
    channel.setOption(StandardSocketOptions.SO_RCVBUF, LITTLE);
    channel.connect(new InetSocketAddress("10.99.0.1", 179));
  }

  void say(ByteBuffer octets) throws Exception {
    while (octets.hasRemaining()) {
      channel.write(octets);
    }
  }

  void handshake() throws Exception {
    say(MessageWriter.write(new Open(65002, 90, own, List.of(new Capability.FourOctetAs(65002)))));
    say(MessageWriter.write(new Message.Keepalive()));
  }

  void tell(PathAttributes attributes, String... prefixes) throws Exception {
    List<Prefix> all = List.of(prefixes).stream().map(Prefix::parse).toList();
    for (ByteBuffer message : MessageWriter.reached(attributes, IpFamily.IPV4, all, EXTERNAL)) {
      say(message);
    }
  }

  /// The notification that ends it all.
  Notification lastWords() throws Exception {
    while (true) {
      int length = MessageReader.length(buffer, 4096);
      if (length == 0 || length > buffer.remaining()) {
        buffer.compact();
        assertThat(channel.read(buffer)).as("the stream ended silently").isPositive();
        buffer.flip();
        continue;
      }
      Message message = MessageReader.read(buffer.slice(buffer.position(), length), EXTERNAL);
      buffer.position(buffer.position() + length);
      if (message instanceof Notification notification) {
        return notification;
      }
    }
  }

  @Override
  public void close() throws Exception {
    channel.close();
  }
}
