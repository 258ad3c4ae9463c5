// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp.policy;

import dev.fairway.bgp.wire.PathAttributes;
import dev.fairway.net.Prefix;
import java.util.List;

/// One line of a policy.
///
/// @param conditions all of them must hold; none means always
/// @param accepts whether a route that matches goes through
/// @param changes what is changed then, in order
public record Rule(List<Condition> conditions, boolean accepts, List<Change> changes) {
  public Rule {
    conditions = List.copyOf(conditions);
    changes = List.copyOf(changes);
    if (!accepts && !changes.isEmpty()) {
      throw new IllegalArgumentException("a rule that rejects has nothing to change: " + changes);
    }
  }

  public static Rule accept(Condition... conditions) {
    return new Rule(List.of(conditions), true, List.of());
  }

  public static Rule reject(Condition... conditions) {
    return new Rule(List.of(conditions), false, List.of());
  }

  public Rule changing(Change... newChanges) {
    return new Rule(conditions, accepts, List.of(newChanges));
  }

  boolean matches(Prefix prefix, PathAttributes attributes) {
    for (Condition condition : conditions) {
      if (!condition.holds(prefix, attributes)) {
        return false;
      }
    }
    return true;
  }
}
