// SPDX-License-Identifier: Apache-2.0
/// A real API server inside a test: the one that serves a cluster, on a free port of loopback, with
/// its objects in memory. No root, no download, no file stays, and any number of them at once.
///
/// [dev.fairway.testing.TestApiServer] is the plain class; [dev.fairway.testing.WithApiServer] and
/// [dev.fairway.testing.ApiServerExtension] give one to JUnit Jupiter tests. There are no nodes:
/// pods are objects that nobody runs.
@NullMarked
package dev.fairway.testing;

import org.jspecify.annotations.NullMarked;
