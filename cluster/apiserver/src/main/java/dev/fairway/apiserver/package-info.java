/// The Kubernetes API server: start it with [dev.fairway.apiserver.ApiServer].
///
/// It works on JSON trees driven by schemas, one code path for built-in and custom kinds, and sends
/// objects as the bytes that are stored. One process serves a store.
@NullMarked
package dev.fairway.apiserver;

import org.jspecify.annotations.NullMarked;
