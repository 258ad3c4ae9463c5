// SPDX-License-Identifier: Apache-2.0
/// Addresses, prefixes and the other words of a packet, as pure values.
///
/// Nothing here touches a socket, the kernel or a library: every type is a record whose constructor
/// refuses what cannot exist, so the rest of the house never checks an address twice. The IP family
/// is a value ([IpFamily]), never a copy of the code.
@NullMarked
package dev.fairway.net;

import org.jspecify.annotations.NullMarked;
