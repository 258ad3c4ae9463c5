// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet;

import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.Secret;
import io.fabric8.kubernetes.api.model.Service;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Optional;

/// The objects of the cluster that pods refer to. Calls block; failures to ask are exceptions.
interface ClusterObjects {
  Optional<ConfigMap> configMap(String namespace, String name);

  Optional<Secret> secret(String namespace, String name);

  /// The Services whose addresses a pod of this namespace finds in its environment.
  Collection<Service> services();

  /// A new token of the pod's service account, bound to the pod.
  Token token(PodRef pod, String serviceAccount, List<String> audiences, Duration lifetime);

  record Token(String text, Instant expires) {}
}
