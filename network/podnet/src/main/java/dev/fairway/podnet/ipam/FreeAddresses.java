// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.ipam;

import dev.fairway.net.IpAddress;
import java.util.HashMap;
import java.util.HashSet;
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
/// at once. Nothing is kept for what was never used, and after so many addresses given back the
/// oldest of them is used again even where there are unused ones, so a range of any size costs
/// little memory.
final class FreeAddresses {
  private final int releasedLimit;
  private final Set<IpAddress> taken = new HashSet<>();

  /// Given back, the longest free first, with the UID of the pod that had it ("" if unknown).
  private final LinkedHashMap<IpAddress, String> released = new LinkedHashMap<>();

  private final Map<String, IpAddress> lastOfPod = new HashMap<>();
  private AddressRange range;
  private long nextUnused;

  FreeAddresses(AddressRange range, int releasedLimit) {
    this.range = range;
    this.releasedLimit = releasedLimit;
    nextUnused = range.first();
  }

  AddressRange range() {
    return range;
  }

  /// The same prefix with other ends or other addresses withheld.
  void range(AddressRange changed) {
    if (!changed.equals(range)) {
      range = changed;
      nextUnused = changed.first(); // what was withheld before may be free now
    }
  }

  /// Marks one as taken, for what is known from before.
  void take(IpAddress address) {
    forget(address);
    taken.add(address);
  }

  /// The address that the pod had, if it is free.
  Optional<IpAddress> lastOf(String podUid) {
    IpAddress last = podUid.isEmpty() ? null : lastOfPod.get(podUid);
    return Optional.ofNullable(last).filter(range::offers);
  }

  /// Chooses one for a pod, empty if all are taken.
  Optional<IpAddress> takeFor(String podUid) {
    IpAddress chosen = lastOf(podUid).orElse(null);
    if (chosen == null && released.size() >= releasedLimit) {
      chosen = longestFree();
    }
    if (chosen == null) {
      chosen = unused();
    }
    if (chosen == null) {
      chosen = longestFree();
    }
    if (chosen != null) {
      take(chosen);
    }
    return Optional.ofNullable(chosen);
  }

  /// Takes one back.
  void give(IpAddress address, String podUid) {
    taken.remove(address);
    if (!range.prefix().contains(address)) {
      return; // the node's range changed while the pod lived
    }
    forget(address);
    released.put(address, podUid);
    if (!podUid.isEmpty()) {
      lastOfPod.put(podUid, address);
    }
  }

  /// Whether nobody has an address of it.
  boolean isIdle() {
    return taken.isEmpty();
  }

  private void forget(IpAddress address) {
    String pod = released.remove(address);
    if (pod != null) {
      lastOfPod.remove(pod, address);
    }
  }

  private @Nullable IpAddress longestFree() {
    for (IpAddress address : released.keySet()) {
      if (range.offers(address)) {
        return address;
      }
    }
    return null;
  }

  private @Nullable IpAddress unused() {
    while (nextUnused < range.end()) {
      IpAddress address = range.prefix().at(nextUnused);
      nextUnused++;
      if (!taken.contains(address) && !released.containsKey(address) && range.offers(address)) {
        return address;
      }
    }
    return null;
  }
}
