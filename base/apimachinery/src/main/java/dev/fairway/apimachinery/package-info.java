/// Kubernetes objects as JSON trees.
///
/// The kinds an API server knows, reading and checking what a client sends, defaults, errors, and
/// the small value types of the API (quantities, times, int-or-string). Packages below hold
/// validation, patches, selectors, tables, discovery and OpenAPI documents. Everything is driven by
/// the schemas of room `schemas`, so built-in and custom kinds share one path. No network, storage
/// or clock in here.
@NullMarked
package dev.fairway.apimachinery;

import org.jspecify.annotations.NullMarked;
