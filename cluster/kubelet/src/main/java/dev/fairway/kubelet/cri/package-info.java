// SPDX-License-Identifier: Apache-2.0

/// The Container Runtime Interface, version 1, over a unix socket, and containerd's event feed.
///
/// Only what a node needs is spoken. Calls block; errors are [CriException] with the call's name.
/// The messages are the generated ones of `cri.proto`.
@NullMarked
package dev.fairway.kubelet.cri;

import org.jspecify.annotations.NullMarked;
