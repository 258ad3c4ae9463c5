// SPDX-License-Identifier: Apache-2.0
/// How this machine's kernel reaches the pods of other nodes: what it should hold, what it holds,
/// and the steps between.
///
/// A backend says what should be there as a [ForwardingState]; [ForwardingPlan] compares that with
/// what [KernelForwarding] reads and gives the steps in an order that never leaves a range without
/// a way. What is ours is known by the route protocol [ForwardingState#ROUTE_PROTOCOL] and by the
/// device's name, so other people's routes are never touched, and what another backend left goes by
/// the same comparison.
@NullMarked
package dev.fairway.podnet.forwarding;

import org.jspecify.annotations.NullMarked;
