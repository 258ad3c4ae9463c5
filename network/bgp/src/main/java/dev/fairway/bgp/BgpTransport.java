// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp;

import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import dev.fairway.net.TransportAddress;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;

/// Where connections come from. [TcpTransport] is the plain one; another may guard its sockets in
/// ways the JDK has no option for.
public interface BgpTransport {
  /// Connects and waits until that is done or has failed. Called on a virtual thread; must not
  /// block in native code for long.
  ///
  /// @throws IOException if it fails, or the guards asked for are not to be had; the message says
  ///   why
  Connection connect(TransportAddress remote, Guard guard) throws IOException;

  /// Starts to listen.
  ///
  /// @throws IOException if the address cannot be had
  Listener listen(TransportAddress local) throws IOException;

  /// What a connection is guarded with.
  ///
  /// @param socket the settings; `Reach.Usual` is still to be understood by `external`
  /// @param external whether the neighbour is of another AS
  record Guard(PeerSocket socket, boolean external) {}

  /// A guard for all that connect from a range (one address included).
  record Guarded(Prefix from, Guard guard) {}

  /// An open connection. One thread reads while another writes; any thread closes.
  interface Connection extends AutoCloseable {
    /// Waits for at least one octet.
    ///
    /// @return how many were put, -1 at the end of the stream
    int read(ByteBuffer into) throws IOException;

    /// Writes all of it, and waits until the kernel has taken it.
    void write(ByteBuffer from) throws IOException;

    TransportAddress local();

    TransportAddress remote();

    /// Ends both directions; a read or write that waits throws. May be called more than once.
    @Override
    void close();
  }

  /// An open listening socket.
  interface Listener extends AutoCloseable {
    /// Waits for a connection.
    ///
    /// @throws IOException once it is closed
    Connection accept() throws IOException;

    /// Says who may connect and how they are guarded, all of it each time. A connection that was
    /// accepted already keeps its guard until the session is made anew.
    ///
    /// @throws IOException if a guard is not to be had; the message names whose. Those are not let
    ///   in then, and the others are as they should be
    void guard(List<Guarded> guards) throws IOException;

    TransportAddress local();

    @Override
    void close();
  }

  /// For messages: an address without its port.
  static IpAddress addressOf(Connection connection) {
    return connection.remote().address();
  }
}
