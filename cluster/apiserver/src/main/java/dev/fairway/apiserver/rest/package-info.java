/// The API's verbs over HTTP: paths, media types, the request's way through authentication,
/// authorization, routing and the registry, and the answer back.
///
/// Limits: no protobuf, no aggregated API servers.
@NullMarked
package dev.fairway.apiserver.rest;

import org.jspecify.annotations.NullMarked;
