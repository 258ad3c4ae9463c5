/// Bidirectional Forwarding Detection (RFC 5880, 5881, 5883): knows within a fraction of a second
/// that a neighbour is gone, where BGP's hold time takes a minute and more.
///
/// [BfdSpeaker] is the front door: it takes all peers at once and tells of each change. What it
/// decides is decided by [BfdMachine], which knows no clock, socket or thread; [BfdPacket] is the
/// packet and its bytes.
///
/// ## Times
///
/// A peer is dead after `multiplier` intervals of silence. The default, 5 times 50 ms, finds a
/// death within 250 ms. A smaller interval with a larger multiplier is chosen over 3 times 80 ms
/// because more packets must be lost in a row before a living peer is thought dead, and because
/// what counts against a late process is detection time less one interval: 200 ms instead of 160. A
/// JVM may pause: this process's collector pauses are some 20 ms with heaps of its size. Three
/// things keep a late process from telling wrongly: packets that wait are all read before any peer
/// is judged, so that our own pause never looks like the peer's; the thread goes before ordinary
/// ones when all processors are busy ([dev.fairway.linux.ThreadPriority]); and it makes no garbage
/// to speak of.
///
/// A restarted process is silent for longer than any detection time, so with BFD a crash of the
/// agent looks like the death of the node: neighbours withdraw its routes until it is back, also
/// where BGP would restart gracefully (RFC 5882 4.3). An orderly stop says AdminDown, which does
/// not.
///
/// Not here: echo, demand mode, authentication (packets with it are dropped), S-BFD.
@NullMarked
package dev.fairway.bgp.bfd;

import org.jspecify.annotations.NullMarked;
