// SPDX-License-Identifier: Apache-2.0
/// Empties a namespace that is being deleted, then lets it go.
///
/// It asks the server which kinds live in namespaces, so kinds added later are emptied too.
@NullMarked
package dev.fairway.controllers.namespace;

import org.jspecify.annotations.NullMarked;
