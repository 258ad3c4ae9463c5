// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.ipam;

import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// The choice of an address out of one range.
///
/// Addresses that were never used come first, in order, then those given back, the longest free
/// first: packets and DNS answers meant for the last owner of an address have all the time there is
/// to run out. Only a pod that comes back (a new sandbox for the same pod UID) gets its old address
/// at once. Where ranges are large, nothing is kept for what was never used.
final class FreeAddresses {
  /// The network's own address belongs to the node's tunnel; the next one is where other networks
  /// put a bridge, and a node may be changing over from one.
  private static final int RESERVED_FIRST = 2;

  /// The last address is a broadcast one to many.
  private static final int RESERVED_LAST = 1;

  private final Prefix range;
  private final Set<IpAddress> taken = new HashSet<>();

  /// Given back, the longest free first, with the UID of the pod that had it ("" if unknown).
  private final LinkedHashMap<IpAddress, String> released = new LinkedHashMap<>();

  private final Map<String, IpAddress> lastOfPod = new HashMap<>();
  private long nextUnused = RESERVED_FIRST;

  FreeAddresses(Prefix range) {
    this.range = range;
  }

  Prefix range() {
    return range;
  }

  /// How many addresses pods can have at the same time.
  long capacity() {
    return Math.max(0, range.size() - RESERVED_FIRST - RESERVED_LAST);
  }

  /// Marks one as taken, for what is known from before.
  void take(IpAddress address) {
    forget(address);
    taken.add(address);
  }

  /// Chooses one for a pod, empty if all are taken.
  Optional<IpAddress> takeFor(String podUid) {
    IpAddress chosen = podUid.isEmpty() ? null : lastOfPod.get(podUid);
    if (chosen == null) {
      chosen = unused();
    }
    if (chosen == null) {
      Iterator<IpAddress> longestFree = released.keySet().iterator();
      if (!longestFree.hasNext()) {
        return Optional.empty();
      }
      chosen = longestFree.next();
    }
    take(chosen);
    return Optional.of(chosen);
  }

  /// Takes one back.
  void give(IpAddress address, String podUid) {
    taken.remove(address);
    if (!range.contains(address)) {
      return; // the node's range changed while the pod lived
    }
    forget(address);
    released.put(address, podUid);
    if (!podUid.isEmpty()) {
      lastOfPod.put(podUid, address);
    }
  }

  /// What was given back and not taken again, the longest free first.
  Map<IpAddress, String> released() {
    return released;
  }

  private void forget(IpAddress address) {
    String pod = released.remove(address);
    if (pod != null) {
      lastOfPod.remove(pod, address);
    }
  }

  private @Nullable IpAddress unused() {
    long end = range.size() - RESERVED_LAST;
    while (nextUnused < end) {
      IpAddress address = range.at(nextUnused);
      nextUnused++;
      if (!taken.contains(address) && !released.containsKey(address)) {
        return address;
      }
    }
    return null;
  }
}
