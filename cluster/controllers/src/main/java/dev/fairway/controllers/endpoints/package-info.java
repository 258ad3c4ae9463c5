// SPDX-License-Identifier: Apache-2.0
/// Says which addresses are behind each Service that selects pods: EndpointSlices, and the older
/// Endpoints.
///
/// [SlicePlan], [MirrorPlan] and [EndpointsPlan] are pure; [SlicePacking] turns what the first two
/// want into few writes. Services without a selector are left to whoever wrote their endpoints:
/// slices as they are, Endpoints mirrored into slices. [TopologyHints] says which zone or node an
/// endpoint is for; where there can be no hints, no event says why.
@NullMarked
package dev.fairway.controllers.endpoints;

import org.jspecify.annotations.NullMarked;
