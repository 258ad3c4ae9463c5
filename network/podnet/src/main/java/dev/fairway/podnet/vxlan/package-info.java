// SPDX-License-Identifier: Apache-2.0
/// Pods of other nodes by VXLAN (RFC 7348): works over any network that carries UDP between the
/// machines.
///
/// The same on the wire and on the Node objects as flannel's `vxlan` backend: VNI 1, port 8472, one
/// device a node whose address is the first of the node's range, everything static, nothing learned
/// or flooded. 50 bytes of each packet go to the outer headers. The one device carries both
/// families; a second one is there only towards dual-stack nodes of flannel's, which have a device
/// a family.
@NullMarked
package dev.fairway.podnet.vxlan;

import org.jspecify.annotations.NullMarked;
