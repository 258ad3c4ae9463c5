// SPDX-License-Identifier: Apache-2.0
/// What every namespace gets so that pods can talk to the API server: the ServiceAccount `default`
/// and the certificate authority in the ConfigMap `kube-root-ca.crt`.
@NullMarked
package dev.fairway.controllers.serviceaccount;

import org.jspecify.annotations.NullMarked;
