// SPDX-License-Identifier: Apache-2.0
/// Says which addresses are behind each Service that selects pods: EndpointSlices, and the older
/// Endpoints.
///
/// [SlicePlan] and [EndpointsPlan] are pure. Services without a selector are left to whoever wrote
/// their endpoints; hand-written Endpoints are not mirrored into slices.
@NullMarked
package dev.fairway.controllers.endpoints;

import org.jspecify.annotations.NullMarked;
