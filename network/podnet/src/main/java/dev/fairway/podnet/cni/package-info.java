// SPDX-License-Identifier: Apache-2.0
/// The agent's side of the Container Network Interface, specification 1.1.0 and all before it.
///
/// The executable that the container runtime calls hands its environment and stdin over a unix
/// socket ([CniServer]); here they become a [CniRequest] or a [NetworkRequest] that cannot express
/// a bad call, and a [CniResult] or a [CniException] becomes JSON of the version the caller speaks.
/// What a call does to the kernel is not decided here.
///
/// A DEL that comes while no agent runs succeeds, and the executable leaves the call in a file
/// ([MissedCalls]); the next agent carries it out.
@NullMarked
package dev.fairway.podnet.cni;

import org.jspecify.annotations.NullMarked;
