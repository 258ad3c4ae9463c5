// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.policy;

import dev.fairway.net.IpAddress;
import dev.fairway.net.Protocol;

/// The first packet of a connection, with the addresses that the two ends really have.
///
/// @param port the receiver's
record Packet(IpAddress source, IpAddress destination, Protocol protocol, int port) {}
