// SPDX-License-Identifier: Apache-2.0
/// What every controller stands on: a view of the cluster that contains the controller's own writes
/// ([Cluster]), a recorder of Events ([Events]) and the shape of a controller ([Controller]).
///
/// A follower lags behind its own process's writes by some milliseconds. Instead of expectations in
/// each controller, [Cluster] lays its own writes over the followed image until the watch has shown
/// them, so a plan never creates a thing twice.
@NullMarked
package dev.fairway.controllers.loop;

import org.jspecify.annotations.NullMarked;
