// SPDX-License-Identifier: Apache-2.0
/// What the pod network of a node looks like from outside: its agent compares what it wants with
/// what the kernel has and gives the answer as one immutable value, over a unix socket that only
/// root may open. Readers join the values of several nodes and follow a packet through them; no API
/// server is needed for that. Nothing here changes anything.
@NullMarked
package dev.fairway.podnet.status;

import org.jspecify.annotations.NullMarked;
