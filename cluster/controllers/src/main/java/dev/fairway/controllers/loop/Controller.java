// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.loop;

import dev.fairway.reconcile.ClusterFollower;
import dev.fairway.reconcile.ClusterImage;
import dev.fairway.reconcile.Delta;

/// A part that keeps one promise of the API, such as "a Deployment has its ReplicaSets".
public interface Controller extends AutoCloseable {
  /// For logs, such as `deployment`.
  String name();

  /// Asks for the kinds it must see; they are the only ones it may ask [Cluster] for.
  void follow(ClusterFollower.Builder follower);

  /// Notes which of its objects need work; returns at once, the work is done by its own loop.
  void changed(Delta delta, ClusterImage image);

  @Override
  void close();
}
