// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

/// Which names below `pod.cluster.local` exist, as CoreDNS's `pods` has it.
public enum PodNames {
  /// None.
  DISABLED,
  /// One for every address of the pod prefixes in every namespace, whether or not such a pod is.
  INSECURE,
  /// One for each pod, in its own namespace; the pods must be followed.
  VERIFIED
}
