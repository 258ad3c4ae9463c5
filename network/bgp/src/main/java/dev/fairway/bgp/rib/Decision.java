// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp.rib;

import dev.fairway.bgp.rib.PathSource.Kind;
import dev.fairway.bgp.wire.PathAttributes;
import dev.fairway.net.IpAddress;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.ToLongFunction;

/// Which paths to a prefix are best (RFC 4271 9.1.2.2, RFC 4456 9).
///
/// Of all paths those stay that are best in: local preference, path length, origin, MED among those
/// of the same neighbouring AS, external before internal. What stays shares the traffic, up to a
/// limit and each next hop once; in order of: not stale, identifier of the originator, length of
/// the cluster list, address of the neighbour. Costs inside the AS are not known here and count as
/// equal. A path of this machine's own is before all.
public final class Decision {
  private static final long USUAL_PREFERENCE = 100;
  private static final Path[] NONE = {};

  private static final Comparator<Path> TIE_BREAK =
      Comparator.comparing(Path::stale)
          .thenComparing(path -> originator(path))
          .thenComparingInt(path -> path.attributes().clusterList().size())
          .thenComparing(path -> path.source().address());

  private Decision() {}

  /// The best path first, then those that share its traffic.
  ///
  /// @param external how many at most, if the best is external
  /// @param internal the same if it is internal
  static Path[] best(Path[] paths, int external, int internal) {
    if (paths.length <= 1) {
      return paths;
    }
    List<Path> left = new ArrayList<>(List.of(paths));
    keepLeast(left, path -> path.source().kind() == Kind.LOCAL ? 0 : 1);
    keepLeast(left, path -> -path.attributes().localPreference().orElse(USUAL_PREFERENCE));
    keepLeast(left, path -> path.attributes().asPath().length());
    keepLeast(left, path -> path.attributes().origin().code());
    keepLeastMed(left);
    keepLeast(left, path -> path.source().kind() == Kind.INTERNAL ? 1 : 0);
    left.sort(TIE_BREAK);
    int limit =
        switch (left.getFirst().source().kind()) {
          case LOCAL -> 1;
          case EXTERNAL -> external;
          case INTERNAL -> internal;
        };
    List<Path> chosen = new ArrayList<>();
    for (Path path : left) {
      if (chosen.size() == limit) {
        break;
      }
      IpAddress hop = path.attributes().nextHop();
      if (chosen.stream().noneMatch(other -> other.attributes().nextHop().equals(hop))) {
        chosen.add(path);
      }
    }
    return chosen.toArray(NONE);
  }

  private static void keepLeast(List<Path> paths, ToLongFunction<Path> rank) {
    if (paths.size() == 1) {
      return;
    }
    long least = Long.MAX_VALUE;
    for (Path path : paths) {
      least = Math.min(least, rank.applyAsLong(path));
    }
    long best = least;
    paths.removeIf(path -> rank.applyAsLong(path) != best);
  }

  /// A path goes if another of the same neighbouring AS has a smaller MED; none counts as 0.
  private static void keepLeastMed(List<Path> paths) {
    if (paths.size() == 1) {
      return;
    }
    List<Path> all = List.copyOf(paths);
    paths.removeIf(path -> {
      for (Path other : all) {
        if (med(other) < med(path)
            && other.attributes().asPath().first().equals(path.attributes().asPath().first())) {
          return true;
        }
      }
      return false;
    });
  }

  private static long med(Path path) {
    return path.attributes().med().orElse(0L);
  }

  private static IpAddress originator(Path path) {
    PathAttributes attributes = path.attributes();
    return attributes.originatorId().orElse(path.source().routerId());
  }
}
