// SPDX-License-Identifier: Apache-2.0

/// The node's own HTTPS API, which the API server calls for logs, exec, attach and port-forward.
///
/// Only administrators and the API server may ask, by client certificate. Logs are read from the
/// files the runtime writes. The other three are the runtime's business: the connection is handed
/// over to its own streaming server on the loopback address, byte for byte, after the HTTP head.
///
/// Limits: HTTP/1.1; no stats, no metrics, no run-in-container without streams.
@NullMarked
package dev.fairway.kubelet.api;

import org.jspecify.annotations.NullMarked;
