// SPDX-License-Identifier: Apache-2.0
/// The Pod Security Standards: which fields of a pod are too much for the levels `baseline` and
/// `restricted`, by the versions of Kubernetes that set the rules. Pure.
///
/// Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/. Limits: no exempt
/// users, namespaces or runtime classes.
@NullMarked
package dev.fairway.apiserver.podsecurity;

import org.jspecify.annotations.NullMarked;
