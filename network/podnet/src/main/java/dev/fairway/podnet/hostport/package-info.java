// SPDX-License-Identifier: Apache-2.0
/// Ports of the node that lead to a pod: the capability `portMappings`, in Kubernetes
/// `containers[].ports[].hostPort`.
///
/// One nf_tables table a family, `fairway-hostports`, with a map for ports on every address of the
/// node and one for ports on a certain address; both are hash tables, so the number of ports does
/// not matter. A pod that reaches itself through the node is masqueraded, as is the node where it
/// comes from 127.0.0.0/8. For the latter such packets may pass a pod's link, so a chain of the
/// same table keeps pods from reaching the node's loopback by themselves. IPv6 has no such way:
/// `[::1]` does not lead to pods.
@NullMarked
package dev.fairway.podnet.hostport;

import org.jspecify.annotations.NullMarked;
