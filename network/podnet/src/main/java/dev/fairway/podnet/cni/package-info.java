// SPDX-License-Identifier: Apache-2.0
/// The agent's side of the Container Network Interface, specification 1.0.0.
///
/// The executable that the container runtime calls hands its environment and stdin over a unix
/// socket ([CniServer]); here they become a [CniRequest] that cannot express a bad call, and a
/// [CniResult] or a [CniException] becomes JSON of the version the caller speaks. What an ADD or a
/// DEL does to the kernel is not decided here. Not yet: capabilities, chaining behind another
/// plugin, delegated address management, STATUS and GC (1.1.0).
@NullMarked
package dev.fairway.podnet.cni;

import org.jspecify.annotations.NullMarked;
