// SPDX-License-Identifier: Apache-2.0
/// What people say about the pod network of a cluster: one small document, the same for every node,
/// that may change while the cluster runs.
///
/// [PodNetworkSettings] is the wanted state as a value; it cannot hold what makes no sense.
/// [PodNetworkSettings#parse] reads it from YAML or JSON, ours or flannel's `net-conf.json`, and
/// refuses what it does not know, naming the field. Nothing here touches the kernel.
@NullMarked
package dev.fairway.podnet.settings;

import org.jspecify.annotations.NullMarked;
