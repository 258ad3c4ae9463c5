/// Objects in the store: reading, writing with optimistic concurrency, deleting, listing by pages,
/// watching.
///
/// The store keeps its newest state and its recent history in memory, so there is no second cache
/// here: an object goes out as the stored bytes with its revision spliced in, and the bytes of a
/// watch event are made once for all watchers, see [dev.fairway.apiserver.registry.EventRing].
@NullMarked
package dev.fairway.apiserver.registry;

import org.jspecify.annotations.NullMarked;
