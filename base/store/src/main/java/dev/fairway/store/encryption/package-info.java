// SPDX-License-Identifier: Apache-2.0
/// Encryption at rest: what a kube-apiserver of the same EncryptionConfiguration would write, so
/// that either reads the other's data (the Kubernetes documentation, "Encrypting Confidential Data
/// at Rest").
///
/// A stored value begins with `k8s:enc:PROVIDER:v1:KEY:`. The first provider writes, all read; a
/// value that another than the first key wrote is stale, and written anew when its object is
/// written, even unchanged.
///
/// Limits: `kms` is not supported; the configuration is read once, at the start.
@NullMarked
package dev.fairway.store.encryption;

import org.jspecify.annotations.NullMarked;
