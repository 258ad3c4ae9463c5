// SPDX-License-Identifier: Apache-2.0
/// The benchmarks behind `./fairway bench`.
///
/// Each measures against a peer or a limit in the same run, in turn with it, after a warm-up, and
/// reports medians. One row a figure, tab-separated: metric, value, unit, what it is compared with,
/// that one's value, ratio, goal, `ok` or `short`. The program ends with 0 only if every row is ok.
@NullMarked
package dev.fairway.lab.bench;

import org.jspecify.annotations.NullMarked;
