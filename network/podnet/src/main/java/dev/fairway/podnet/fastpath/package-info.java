// SPDX-License-Identifier: Apache-2.0
/// Packets between two pods of one node go from one pod's link straight into the other pod, past
/// the node's network stack: as if the two were wired to one another. Between pods of two nodes
/// they go past the stacks of both.
///
/// One program sits where each pod's packets come out, another where those from other nodes come in
/// ([FastPathCode]). They send a packet on by themselves only if all of this holds, and leave
/// everything else to the stack, which can do it all:
///
/// - it is plain TCP or UDP, from exactly the MAC and address of the pod behind that link, or from
///   a pod of another node;
/// - it goes to a pod of this node, or to where one of our own routes leads and is not too large
///   for that; and no pod of this node that is concerned is marked as needing the stack (a
///   bandwidth limit, a policy);
/// - connection tracking knows nothing of its connection.
///
/// The last is what makes it right beside Services: what is translated, or was begun in the stack,
/// stays there, so that the program can come and go under open connections. The other way round the
/// stack cannot know of connections that go past it; the program tells it of one at the moment when
/// a second one of the same port comes by, and the stack then translates that one's port.
///
/// Of a TCP connection that was opened past the stack the program remembers both ends
/// ([ConnectionCode]): 2 MiB for 32,768 of them. Packets that fit to the letter are handed over
/// without asking again, until the agent tells of a change or about a second has passed.
/// Connections from before the agent started are asked about packet by packet.
///
/// [FastPath] keeps the kernel so. It reads from the kernel who is connected, so it needs no memory
/// of its own, and the program stays when the agent ends. The next agent puts its own in the place,
/// link by link, in microseconds each.
///
/// Limits: needs Linux 6.6 and its connection tracking built in, not as a module. A pod's first
/// packets take the stack, until the program sits on its link: that holds a lock of the kernel for
/// some 15 ms, so it is done when no pods are being connected. SCTP, ICMP, fragments and packets
/// with options take the stack always, and so does what follows a route of BGP or leaves by a
/// device without Ethernet frames. Rules of others in the forward hook and policies of IPsec do not
/// see what passes the stack.
@NullMarked
package dev.fairway.podnet.fastpath;

import org.jspecify.annotations.NullMarked;
