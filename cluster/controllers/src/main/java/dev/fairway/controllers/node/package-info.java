// SPDX-License-Identifier: Apache-2.0
/// What the cluster decides about nodes: which pod addresses a node gets ([PodCidrController]),
/// what it means when a node falls silent ([NodeLifecycleController]), and what happens to pods
/// whose node is gone ([OrphanedPodController]).
@NullMarked
package dev.fairway.controllers.node;

import org.jspecify.annotations.NullMarked;
