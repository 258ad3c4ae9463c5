// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp.policy;

import dev.fairway.bgp.wire.PathAttributes;
import dev.fairway.net.Prefix;
import java.util.List;
import java.util.Optional;

/// Which routes go through. The first rule that matches decides; where none does, nothing goes
/// through.
public record Policy(List<Rule> rules) {
  public static final Policy ACCEPT_ALL = new Policy(List.of(Rule.accept()));
  public static final Policy REJECT_ALL = new Policy(List.of());

  public Policy {
    rules = List.copyOf(rules);
  }

  public static Policy of(Rule... rules) {
    return new Policy(List.of(rules));
  }

  /// The route as it goes through, empty if it does not. Unchanged attributes are the same object.
  public Optional<PathAttributes> apply(Prefix prefix, PathAttributes attributes) {
    for (Rule rule : rules) {
      if (rule.matches(prefix, attributes)) {
        if (!rule.accepts()) {
          return Optional.empty();
        }
        PathAttributes changed = attributes;
        for (Change change : rule.changes()) {
          changed = change.apply(changed);
        }
        return Optional.of(changed);
      }
    }
    return Optional.empty();
  }
}
