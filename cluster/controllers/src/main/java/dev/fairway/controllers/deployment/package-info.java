// SPDX-License-Identifier: Apache-2.0
/// Keeps a Deployment's ReplicaSets: one for the present pod template, the older ones scaled down
/// in the way its strategy asks for.
///
/// [DeploymentPlan] looks at a Deployment and its ReplicaSets and answers with steps;
/// [DeploymentController] applies them. Every round starts again from what is there, so a rollout
/// needs no memory. `kubectl rollout undo` works by itself: it puts an old template back, and the
/// old ReplicaSet with that template becomes the new one under the next revision number.
@NullMarked
package dev.fairway.controllers.deployment;

import org.jspecify.annotations.NullMarked;
