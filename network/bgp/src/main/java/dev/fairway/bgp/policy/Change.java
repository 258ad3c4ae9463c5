// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp.policy;

import dev.fairway.bgp.wire.Community;
import dev.fairway.bgp.wire.LargeCommunity;
import dev.fairway.bgp.wire.PathAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// What a rule changes of a route that it lets through.
public sealed interface Change {
  PathAttributes apply(PathAttributes attributes);

  /// How much the own AS likes it.
  ///
  /// @param value 0 to 4294967295
  record SetLocalPreference(long value) implements Change {
    public SetLocalPreference {
      requireWord("local preference", value);
    }

    @Override
    public PathAttributes apply(PathAttributes attributes) {
      return attributes.edit().localPreference(Optional.of(value)).done();
    }
  }

  /// Which entry neighbours should take.
  ///
  /// @param value 0 to 4294967295
  record SetMed(long value) implements Change {
    public SetMed {
      requireWord("MED", value);
    }

    @Override
    public PathAttributes apply(PathAttributes attributes) {
      return attributes.edit().med(Optional.of(value)).done();
    }
  }

  record AddCommunity(Community community) implements Change {
    @Override
    public PathAttributes apply(PathAttributes attributes) {
      if (attributes.communities().contains(community)) {
        return attributes;
      }
      return attributes.edit().communities(plus(attributes.communities(), community)).done();
    }
  }

  record RemoveCommunity(Community community) implements Change {
    @Override
    public PathAttributes apply(PathAttributes attributes) {
      List<Community> rest = new ArrayList<>(attributes.communities());
      return rest.remove(community) ? attributes.edit().communities(rest).done() : attributes;
    }
  }

  record AddLargeCommunity(LargeCommunity community) implements Change {
    @Override
    public PathAttributes apply(PathAttributes attributes) {
      if (attributes.largeCommunities().contains(community)) {
        return attributes;
      }
      return attributes
          .edit()
          .largeCommunities(plus(attributes.largeCommunities(), community))
          .done();
    }
  }

  /// Makes the path look longer.
  ///
  /// @param as usually the own one
  /// @param times 1 to 32
  record Prepend(long as, int times) implements Change {
    public Prepend {
      requireWord("AS", as);
      if (times < 1 || times > 32) {
        throw new IllegalArgumentException("prepend " + times + " times is not from 1 to 32");
      }
    }

    @Override
    public PathAttributes apply(PathAttributes attributes) {
      return attributes.edit().asPath(attributes.asPath().prepend(as, times)).done();
    }
  }

  private static void requireWord(String what, long value) {
    if (value < 0 || value > 0xffff_ffffL) {
      throw new IllegalArgumentException(what + " " + value + " does not fit in 32 bits");
    }
  }

  private static <T> List<T> plus(List<T> list, T one) {
    List<T> more = new ArrayList<>(list);
    more.add(one);
    return more;
  }
}
