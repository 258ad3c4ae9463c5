// SPDX-License-Identifier: Apache-2.0
/// Facts about Kubernetes objects that several controllers need: who owns an object, which labels
/// match, whether a pod is ready, which of several pods should go first. Pure functions only.
@NullMarked
package dev.fairway.controllers.objects;

import org.jspecify.annotations.NullMarked;
