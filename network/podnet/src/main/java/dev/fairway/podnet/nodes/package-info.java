// SPDX-License-Identifier: Apache-2.0
/// What the pod network has to know of the cluster's nodes, read from their Node objects once, at
/// the edge. A node that does not make sense is left out with a reason, so one bad object never
/// stops the others.
@NullMarked
package dev.fairway.podnet.nodes;

import org.jspecify.annotations.NullMarked;
