// SPDX-License-Identifier: Apache-2.0
/// Services balanced where they are asked for: when a process of the node or of one of its pods
/// calls connect(2) or sendmsg(2).
///
/// Programs on the node's control group put an endpoint's address in the place of the Service's, so
/// that no packet ever carries the latter: no translation, no connection tracking of it, and what a
/// pod connects to directly keeps its source, whatever the Service's policy. getpeername(2) and the
/// source of a received datagram say the Service's address again. Everything else is done by
/// [dev.fairway.traffic.nftables], which is loaded beside: what comes from outside, what processes
/// of other groups send, SCTP, fronts that refuse, drop or look at the source, and fragments.
///
/// A UDP socket that is not connected keeps its endpoint of a Service for two minutes after its
/// last datagram. What is attached stays when the agent ends and goes on with the maps' content;
/// the next agent fills maps of its own and puts its programs in the place of the old ones, and
/// takes over what was gathered: affinities, and who asked for which Service.
///
/// Limits: a UDP socket that is connected to an endpoint stays so when the endpoint goes; a socket
/// that reaches one endpoint through two Services, or through one and directly, is told the Service
/// it used last; MPTCP sockets and those handed in from another control group are served by
/// packets; the latest 65,536 peers and as many affinities are remembered. Needs Linux 5.8 and a
/// unified control group hierarchy; without, packets are all there is, and the log says so.
@NullMarked
package dev.fairway.traffic.ebpf;

import org.jspecify.annotations.NullMarked;
