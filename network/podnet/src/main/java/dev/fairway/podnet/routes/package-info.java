// SPDX-License-Identifier: Apache-2.0
/// Pods of other nodes by plain routes, "Kubernetes the hard way" step 9: no extra headers, but all
/// machines must be on one Ethernet, or the network between them must know the ranges itself. On
/// the Node objects it is what flannel calls `host-gw`.
@NullMarked
package dev.fairway.podnet.routes;

import org.jspecify.annotations.NullMarked;
