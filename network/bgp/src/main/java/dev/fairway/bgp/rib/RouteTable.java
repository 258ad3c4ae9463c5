// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp.rib;

import dev.fairway.bgp.wire.PathAttributes;
import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.WeakHashMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// All destinations of one family. A hash table with open addressing: the entry is all a prefix
/// costs, and prefixes that differ in few bits do not meet.
public final class RouteTable {
  private static final int SMALLEST = 64;

  private final WeakHashMap<PathAttributes, WeakReference<PathAttributes>> shared =
      new WeakHashMap<>();
  private final Consumer<Destination> changed;
  private @Nullable Destination[] slots = new @Nullable Destination[SMALLEST];
  private int size;
  private int external;
  private int internal;

  /// @param changed told of each destination whose best paths are others than before
  public RouteTable(int external, int internal, Consumer<Destination> changed) {
    this.external = external;
    this.internal = internal;
    this.changed = changed;
  }

  /// Equal attributes as one object.
  public PathAttributes share(PathAttributes attributes) {
    WeakReference<PathAttributes> known = shared.get(attributes);
    PathAttributes one = known == null ? null : known.get();
    if (one != null) {
      return one;
    }
    shared.put(attributes, new WeakReference<>(attributes));
    return attributes;
  }

  /// A path is there, in the place of the source's former one.
  ///
  /// @return whether the source had none before
  public boolean put(PathSource source, Prefix prefix, PathAttributes attributes) {
    Destination destination = findOrAdd(prefix);
    Path path = new Path(source, attributes, false);
    Path former = destination.put(path);
    if (!path.equals(former)) {
      decide(destination);
    }
    return former == null;
  }

  /// A path is gone.
  ///
  /// @return whether it was there
  public boolean remove(PathSource source, Prefix prefix) {
    Destination destination = find(prefix);
    if (destination == null || destination.remove(source) == null) {
      return false;
    }
    decide(destination);
    tidy(destination);
    return true;
  }

  /// All paths of a source are gone.
  ///
  /// @param staleOnly only those that it has not told again
  /// @return how many
  public int removeAll(PathSource source, boolean staleOnly) {
    int removed = 0;
    for (Destination destination : all()) {
      Optional<Path> path = destination.path(source);
      if (path.isPresent() && (!staleOnly || path.get().stale())) {
        remove(source, destination.prefix());
        removed++;
      }
    }
    return removed;
  }

  /// All paths of a source are stale from now on.
  public void makeStale(PathSource source) {
    for (Destination destination : all()) {
      Optional<Path> path = destination.path(source);
      if (path.isPresent() && !path.get().stale()) {
        destination.put(path.get().asStale());
        decide(destination);
      }
    }
  }

  /// Decides everything again.
  public void multipath(int newExternal, int newInternal) {
    external = newExternal;
    internal = newInternal;
    all().forEach(this::decide);
  }

  private void decide(Destination destination) {
    if (destination.decide(external, internal)) {
      changed.accept(destination);
    }
  }

  public int size() {
    return size;
  }

  /// A copy of all destinations, in no order.
  public List<Destination> all() {
    List<Destination> all = new ArrayList<>(size);
    for (Destination destination : slots) {
      if (destination != null) {
        all.add(destination);
      }
    }
    return all;
  }

  /// Forgets a destination that nobody has a path to and nobody is to be told of.
  public void tidy(Destination destination) {
    if (!destination.unused()) {
      return;
    }
    int at = place(destination.prefix());
    if (slots[at] != destination) {
      return;
    }
    slots[at] = null;
    size--;
    // What follows may have been pushed along by what is gone.
    for (int i = at + 1 & slots.length - 1; slots[i] != null; i = i + 1 & slots.length - 1) {
      Destination moved = slots[i];
      slots[i] = null;
      slots[place(moved.prefix())] = moved;
    }
  }

  private @Nullable Destination find(Prefix prefix) {
    return slots[place(prefix)];
  }

  private Destination findOrAdd(Prefix prefix) {
    int at = place(prefix);
    Destination found = slots[at];
    if (found != null) {
      return found;
    }
    Destination added = new Destination(prefix);
    slots[at] = added;
    size++;
    if (size > slots.length * 2 / 3) {
      grow();
    }
    return added;
  }

  private void grow() {
    @Nullable Destination[] former = slots;
    slots = new @Nullable Destination[former.length * 2];
    for (Destination destination : former) {
      if (destination != null) {
        slots[place(destination.prefix())] = destination;
      }
    }
  }

  /// Where the prefix is, or would be.
  private int place(Prefix prefix) {
    int mask = slots.length - 1;
    int at = hash(prefix) & mask;
    while (true) {
      Destination there = slots[at];
      if (there == null || same(there.prefix(), prefix)) {
        return at;
      }
      at = at + 1 & mask;
    }
  }

  private static boolean same(Prefix one, Prefix other) {
    IpAddress a = one.address();
    IpAddress b = other.address();
    return one.length() == other.length() && a.low() == b.low() && a.high() == b.high();
  }

  private static int hash(Prefix prefix) {
    long mixed =
        (prefix.address().low() ^ prefix.address().high() * 0x9e37_79b9_7f4a_7c15L)
            + prefix.length();
    mixed *= 0xbf58_476d_1ce4_e5b9L;
    mixed ^= mixed >>> 32;
    mixed *= 0x94d0_49bb_1331_11ebL;
    return (int) (mixed >>> 32);
  }
}
