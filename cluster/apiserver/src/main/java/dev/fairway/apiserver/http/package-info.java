/// The transport: TLS, HTTP/1.1 and HTTP/2 by ALPN, WebSocket and raw upgrades, on Netty.
///
/// An [dev.fairway.apiserver.http.Exchange] is one request and the place its answer goes. Event
/// loops only move bytes: whoever handles an exchange decides on which thread its work is done, and
/// may answer from any thread. What is sent is queued a connection and written with one flush a
/// drain; that is what makes a watch with a thousand readers cheap.
///
/// Limits: request bodies are gathered whole, up to
/// [dev.fairway.apiserver.http.HttpFront#MAX_BODY_BYTES]; there is no request streaming besides
/// upgrades; no HTTP trailers.
@NullMarked
package dev.fairway.apiserver.http;

import org.jspecify.annotations.NullMarked;
