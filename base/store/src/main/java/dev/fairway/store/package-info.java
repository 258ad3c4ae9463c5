// SPDX-License-Identifier: Apache-2.0
/// A revisioned key-value store with watch: where the API server keeps its objects.
///
/// One counter, the revision, grows by one with every write. Readers see the newest state or the
/// exact state at a recent revision; watchers get every change after a revision, in order, without
/// gaps or repeats. A write returns only when it is on disk, and from then on every reader sees it.
///
/// [EmbeddedStore] keeps everything in memory and logs it to one SQLite file (write-ahead log,
/// `synchronous=FULL`, one writer thread that gives many callers one fsync). SQLite was chosen over
/// a log of our own because its durability is trusted and its file can be opened by hand.
/// [EtcdStore] keeps it in an etcd, which several API servers may share, and a copy in memory that
/// follows it. Both read from [Snapshots].
///
/// Limits: the data set must fit the heap; history is bounded ([StoreConfig]), older revisions
/// answer [Compacted]; one process at a time owns a file, not an etcd; keys are at most 2048
/// characters, values at most 8 MiB. Transactions over several keys do not exist.
@NullMarked
package dev.fairway.store;

import org.jspecify.annotations.NullMarked;
