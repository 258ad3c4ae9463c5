/// The way to what runs on the nodes: logs as a stream, exec, attach and port-forward as raw bytes
/// after an HTTP/1.1 upgrade. The kubelet speaks the protocol inside (SPDY/3.1); here it is only
/// carried.
///
/// Streams go over SPDY/3.1 or, with the channel protocols up to v4, over WebSocket, and are not
/// looked into. Limits: `v5.channel.k8s.io` is refused, upon which clients fall back to SPDY.
@NullMarked
package dev.fairway.apiserver.streaming;

import org.jspecify.annotations.NullMarked;
