// SPDX-License-Identifier: Apache-2.0
/// The ADDs that leave more behind than an address and a link, so that a new agent can take it all
/// back: ports of the node, a delegate's address, a network of another name.
///
/// Each is one file with the call as it came, beside what the delegate answered; everything else
/// follows from those. It is written before the first of it is done and removed after the last of
/// it is undone. A plain ADD needs none: the address book and the kernel know it all.
@NullMarked
package dev.fairway.podnet.calls;

import org.jspecify.annotations.NullMarked;
