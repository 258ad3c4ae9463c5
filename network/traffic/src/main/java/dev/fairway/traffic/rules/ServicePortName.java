// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.rules;

import dev.fairway.reconcile.ObjectKey;

/// Which port of which Service.
///
/// @param port `spec.ports[].name`, empty if it has none
public record ServicePortName(ObjectKey service, String port) {
  @Override
  public String toString() {
    return service.namespace() + "/" + service.name() + (port.isEmpty() ? "" : ":" + port);
  }
}
