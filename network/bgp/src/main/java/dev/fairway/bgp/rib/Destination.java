// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp.rib;

import dev.fairway.net.Prefix;
import java.util.Arrays;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// A prefix with all paths to it, and who was told of it.
public final class Destination {
  private static final Path[] NONE = {};
  private static final long[] NO_BITS = {};

  private final Prefix prefix;
  private Path[] paths = NONE;
  private Path[] best = NONE;
  private long[] told = NO_BITS;
  private long[] pending = NO_BITS;

  Destination(Prefix prefix) {
    this.prefix = prefix;
  }

  public Prefix prefix() {
    return prefix;
  }

  /// The best path, then those that share its traffic; not to be changed.
  public Path[] best() {
    return best;
  }

  public Optional<Path> path(PathSource source) {
    return Optional.ofNullable(find(source));
  }

  private @Nullable Path find(PathSource source) {
    for (Path path : paths) {
      if (path.source() == source) {
        return path;
      }
    }
    return null;
  }

  /// Puts a path in the place of the source's former one.
  ///
  /// @return the former one
  @Nullable Path put(Path path) {
    for (int i = 0; i < paths.length; i++) {
      if (paths[i].source() == path.source()) {
        Path former = paths[i];
        paths = paths.clone(); // the former array may be the best ones
        paths[i] = path;
        return former;
      }
    }
    paths = Arrays.copyOf(paths, paths.length + 1);
    paths[paths.length - 1] = path;
    return null;
  }

  @Nullable Path remove(PathSource source) {
    for (int i = 0; i < paths.length; i++) {
      if (paths[i].source() == source) {
        Path former = paths[i];
        Path[] fewer = new Path[paths.length - 1];
        System.arraycopy(paths, 0, fewer, 0, i);
        System.arraycopy(paths, i + 1, fewer, i, fewer.length - i);
        paths = fewer.length == 0 ? NONE : fewer;
        return former;
      }
    }
    return null;
  }

  /// Decides again.
  ///
  /// @return whether the outcome is another one
  boolean decide(int external, int internal) {
    Path[] former = best;
    best = Decision.best(paths, external, internal);
    return !sameWays(former, best);
  }

  /// Whether nobody need be told: that a path is stale changes no packet's way.
  private static boolean sameWays(Path[] one, Path[] other) {
    if (one.length != other.length) {
      return false;
    }
    for (int i = 0; i < one.length; i++) {
      boolean same =
          one[i].source() == other[i].source() && one[i].attributes().equals(other[i].attributes());
      if (!same) {
        return false;
      }
    }
    return true;
  }

  boolean unused() {
    return paths.length == 0 && empty(told) && empty(pending);
  }

  /// Whether the neighbour in this place was told of it, and not of its end.
  public boolean told(int place) {
    return get(told, place);
  }

  public void told(int place, boolean value) {
    told = set(told, place, value);
  }

  /// Whether the neighbour in this place is still to be told of a change.
  public boolean pending(int place) {
    return get(pending, place);
  }

  public void pending(int place, boolean value) {
    pending = set(pending, place, value);
  }

  private static boolean empty(long[] bits) {
    for (long word : bits) {
      if (word != 0) {
        return false;
      }
    }
    return true;
  }

  private static boolean get(long[] bits, int place) {
    int word = place >>> 6;
    return word < bits.length && (bits[word] & 1L << place) != 0;
  }

  private static long[] set(long[] bits, int place, boolean value) {
    int word = place >>> 6;
    if (word >= bits.length) {
      if (!value) {
        return bits;
      }
      bits = Arrays.copyOf(bits, word + 1);
    }
    if (value) {
      bits[word] |= 1L << place;
    } else {
      bits[word] &= ~(1L << place);
    }
    return bits;
  }
}
