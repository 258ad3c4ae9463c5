// SPDX-License-Identifier: Apache-2.0
/// The cluster's DNS server: what is its name?
///
/// Answers the names of the Kubernetes DNS specification 1.1.0 (Services, headless Services, SRV,
/// PTR, pods, ExternalName, `dns-version`) from an immutable [Zone] that a follower of Services and
/// EndpointSlices replaces with every change, and forwards all other names to the resolvers it is
/// given. [DnsServer] is the front door.
///
/// The message code (names, records, queries, replies) and the zone are pure values. Names compare
/// without regard to case and keep the case they came in. The server trusts nothing it reads: each
/// length, pointer and count is checked (RFC 9267).
///
/// For a client whose pod is followed it walks the search path itself, so that a name outside costs
/// a pod one round trip instead of four ([ClusterZone#searchShortcut]). What upstreams said is kept
/// ([Caching]), also for when they are gone. No client can have more than a quarter of the places
/// that wait for upstreams, or an eighth of the TCP connections.
///
/// What is asked again is copied, not worked out ([RenderedAnswers]), and queries are taken and
/// answered many at a time. TLS is spoken on either side (RFC 7858), and the cluster's zone is
/// given whole to whom the configuration names (AXFR, RFC 5936).
///
/// Limits: no incremental transfers and no NOTIFY, no DNSSEC of its own (the DO bit and signatures
/// are passed through), no wildcards, no TSIG. Unless [PodNames#VERIFIED], pod names are
/// synthesised for every address of the pod prefixes, in every namespace, without asking whether
/// such a pod exists. A namespace exists as a name when a Service is in it. Whoever may write
/// EndpointSlices for a headless Service of theirs can name any address but the machine's own
/// (loopback, link-local), and so add a name to another pod's reverse name.
@NullMarked
package dev.fairway.dns;

import org.jspecify.annotations.NullMarked;
