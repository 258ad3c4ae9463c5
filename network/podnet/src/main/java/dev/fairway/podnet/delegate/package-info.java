// SPDX-License-Identifier: Apache-2.0
/// Addresses that another plugin gives: `"ipam": {"type": "host-local", …}` (section 4 of the
/// specification).
///
/// The agent starts the delegate as the runtime would have: from `CNI_PATH`, with the environment
/// and the stdin that it was called with itself, in the machine's network namespace.
@NullMarked
package dev.fairway.podnet.delegate;

import org.jspecify.annotations.NullMarked;
