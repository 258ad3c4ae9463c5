// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.rules;

import dev.fairway.reconcile.ObjectKey;

/// Where a load balancer asks whether a node has endpoints of a Service
/// (`spec.healthCheckNodePort`).
///
/// @param port of the node
/// @param localEndpoints how many ready ones this node has
public record HealthCheck(ObjectKey service, int port, int localEndpoints) {}
