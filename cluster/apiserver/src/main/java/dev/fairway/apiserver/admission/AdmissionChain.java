// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.admission;

import dev.fairway.apiserver.registry.Lookup;
import java.time.Clock;
import java.util.List;

/// The order in which writes pass the rules.
public final class AdmissionChain {
  private AdmissionChain() {}

  public static List<AdmissionStep> of(
      Lookup lookup, ServiceAddresses serviceAddresses, Clock clock) {
    return List.of(
        new NamespaceLifecycle(lookup),
        new ServiceAccountMount(lookup),
        new PodPriority(lookup),
        new TolerationSeconds(),
        new DefinitionAcceptance(clock),
        // Last, as it reserves what a later rejection would have to give back.
        serviceAddresses);
  }
}
