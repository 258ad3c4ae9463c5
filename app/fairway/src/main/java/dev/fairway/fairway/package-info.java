// SPDX-License-Identifier: Apache-2.0
/// The program: its command line, and the one place where the rooms are wired together by hand.
///
/// Nothing imports this package. A reader who asks "what runs in a node?" opens [NodeProcess];
/// "what happens on `up`?", [UpCommand].
@NullMarked
package dev.fairway.fairway;

import org.jspecify.annotations.NullMarked;
