/// A BGP-4 speaker (RFC 4271): it tells neighbours which prefixes are reached through this machine,
/// and learns from them the best way to all others.
///
/// [BgpSpeaker] is the front door. It takes the whole wanted state ([BgpSettings]) at any time and
/// tells a [RoutesListener] what changed among the best routes; it never touches the kernel's
/// routes itself. What decides is pure and lies in packages of its own: `wire` (messages to bytes
/// and back, RFC 7606 included), `session` (the state machine), `policy` (filters), `rib` (which
/// route is best). Here are the settings, the sockets and the loop that joins them.
///
/// Families: IPv4 and IPv6 unicast, over either. A neighbour of another AS without a policy is told
/// and believed nothing (RFC 8212). Not here: VPN and EVPN families, confederations, BMP, RPKI.
@NullMarked
package dev.fairway.bgp;

import org.jspecify.annotations.NullMarked;
