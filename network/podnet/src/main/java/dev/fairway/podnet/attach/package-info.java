// SPDX-License-Identifier: Apache-2.0
/// One pod's wire: a veth pair between the sandbox's network namespace and the machine's.
///
/// The pod has a /32 (or /128) and everything else lies behind a link-local gateway that exists
/// only as a permanent neighbour entry; the machine has a route to that one address and a permanent
/// entry too. So there is no bridge, no ARP, no proxy ARP and no lookup on the way. [WirePlan] says
/// what to ask the kernel, in one batch a namespace, and is pure; [PodWire] asks it, and undoes it
/// all where a step fails; [Reaper] deletes links behind the caller's back, because that waits for
/// the kernel's RCU grace period (about 20 ms).
@NullMarked
package dev.fairway.podnet.attach;

import org.jspecify.annotations.NullMarked;
