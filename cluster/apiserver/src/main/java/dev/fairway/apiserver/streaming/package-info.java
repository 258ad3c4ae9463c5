/// The way to what runs on the nodes: logs as a stream, exec, attach and port-forward as raw bytes
/// after an HTTP/1.1 upgrade. The kubelet speaks the protocol inside (SPDY/3.1); here it is only
/// carried.
///
/// Limits: the channel protocols over WebSocket are refused, upon which clients fall back to SPDY.
@NullMarked
package dev.fairway.apiserver.streaming;

import org.jspecify.annotations.NullMarked;
