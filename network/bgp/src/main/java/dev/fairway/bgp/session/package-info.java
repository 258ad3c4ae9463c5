/// The state machine of one neighbour (RFC 4271 8), pure: a state and an event make the next state
/// and what is to be done. Sockets, clocks and randomness are outside.
///
/// A neighbour may have several connections for a moment, as both sides connect; each is a
/// [dev.fairway.bgp.session.Link] and one survives (RFC 4271 6.8).
@NullMarked
package dev.fairway.bgp.session;

import org.jspecify.annotations.NullMarked;
