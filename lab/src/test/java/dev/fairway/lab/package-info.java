// SPDX-License-Identifier: Apache-2.0
/// Fairway as its users see it: the shape of the house, a whole cluster end to end, the pages of
/// the documentation run as written.
@NullMarked
package dev.fairway.lab;

import org.jspecify.annotations.NullMarked;
