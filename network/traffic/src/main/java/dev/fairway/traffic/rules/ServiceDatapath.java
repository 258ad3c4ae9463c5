// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.rules;

import dev.fairway.net.IpFamily;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// What carries out the rules of Services in the kernel of one network namespace. What it loads
/// outlives it.
///
/// Not for several threads.
public interface ServiceDatapath extends AutoCloseable {
  /// The UDP fronts that are loaded by this means, also if an earlier agent did it: whose flows may
  /// be left when they are gone.
  Set<Front> datagramFronts();

  /// Loads everything as of the index's last refresh and takes away whatever an earlier agent left
  /// that is not wanted, at once: no packet finds a part of it.
  ///
  /// @throws RuntimeException if the kernel refuses; what was there stays
  void load(ServiceIndex index);

  /// Changes what differs since the last load or change; loads everything if something else than
  /// that was changed in between.
  ///
  /// @param plans what leads from there to the index's last refresh
  void change(Map<IpFamily, Plan> plans, ServiceIndex index);

  /// Whether everything is as it was left, as far as that can be told at little cost: what only a
  /// long look shows is noticed later.
  boolean isIntact(ServiceIndex index);

  /// What is not as it was left, in words, a few of it: for a log. Empty if somebody changed only
  /// what is not ours, or nothing that would be noticed here.
  List<String> damage(ServiceIndex index);

  /// Takes away all that was ever loaded.
  void remove();

  /// Ends without touching what is loaded.
  @Override
  void close();
}
