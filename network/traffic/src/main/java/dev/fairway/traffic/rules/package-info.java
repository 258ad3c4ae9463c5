// SPDX-License-Identifier: Apache-2.0
/// What Services ask of a node, as values: no kernel here.
///
/// A Service and its EndpointSlices become [BalancedPort]s, one a port and IP family, with the
/// endpoints that this node may use. Those become [Front]s and [Target]s: where clients connect to
/// and what happens to them there. All of them are a [RuleSet]; the difference of two is a [Plan].
/// A rule set also answers what it does to a connection ([RuleSet#decide]), which is what the
/// kernel is compared with.
///
/// Source: the Service and EndpointSlice API; KEP-1669 and KEP-1672 (endpoints that end), KEP-2086
/// (`internalTrafficPolicy`), KEP-4444 (`trafficDistribution`), KEP-1860 (`ipMode`).
@NullMarked
package dev.fairway.traffic.rules;

import org.jspecify.annotations.NullMarked;
