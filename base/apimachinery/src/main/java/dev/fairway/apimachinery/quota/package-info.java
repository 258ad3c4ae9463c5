// SPDX-License-Identifier: Apache-2.0
/// What objects count for in a ResourceQuota, and which quotas count them: pure, for the API server
/// that admits and for the controller that counts anew.
///
/// Limits: a pod counts until it is gone or has ended, also if its node has been silent for longer
/// than its grace period; resources of resource claims are not counted.
@NullMarked
package dev.fairway.apimachinery.quota;

import org.jspecify.annotations.NullMarked;
