// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp.policy;

import dev.fairway.bgp.wire.Community;
import dev.fairway.bgp.wire.LargeCommunity;
import dev.fairway.bgp.wire.PathAttributes;
import dev.fairway.net.Prefix;
import java.util.List;

/// Something that is true of a route or not.
public sealed interface Condition {
  boolean holds(Prefix prefix, PathAttributes attributes);

  /// Its prefix is in one of the ranges.
  record InPrefixes(List<PrefixRange> ranges) implements Condition {
    public InPrefixes {
      ranges = List.copyOf(ranges);
    }

    @Override
    public boolean holds(Prefix prefix, PathAttributes attributes) {
      for (PrefixRange range : ranges) {
        if (range.contains(prefix)) {
          return true;
        }
      }
      return false;
    }
  }

  /// It bears the mark.
  record HasCommunity(Community community) implements Condition {
    @Override
    public boolean holds(Prefix prefix, PathAttributes attributes) {
      return attributes.communities().contains(community);
    }
  }

  /// It bears the mark.
  record HasLargeCommunity(LargeCommunity community) implements Condition {
    @Override
    public boolean holds(Prefix prefix, PathAttributes attributes) {
      return attributes.largeCommunities().contains(community);
    }
  }

  /// It came through the AS.
  record PathContains(long as) implements Condition {
    @Override
    public boolean holds(Prefix prefix, PathAttributes attributes) {
      return attributes.asPath().contains(as);
    }
  }

  /// It began in the AS.
  record OriginatedBy(long as) implements Condition {
    @Override
    public boolean holds(Prefix prefix, PathAttributes attributes) {
      return attributes.asPath().last().filter(last -> last == as).isPresent();
    }
  }

  /// It came through more ASes than these.
  record PathLongerThan(int length) implements Condition {
    @Override
    public boolean holds(Prefix prefix, PathAttributes attributes) {
      return attributes.asPath().length() > length;
    }
  }

  /// The other condition does not hold.
  record Not(Condition condition) implements Condition {
    @Override
    public boolean holds(Prefix prefix, PathAttributes attributes) {
      return !condition.holds(prefix, attributes);
    }
  }
}
