// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.admission;

import dev.fairway.apimachinery.Kind;
import dev.fairway.apiserver.registry.Registry;
import dev.fairway.apiserver.registry.StoredForm;
import dev.fairway.store.Entry;
import dev.fairway.store.Store;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.databind.node.ObjectNode;

/// All objects of a kind in an understood form, in the order of their names. They are understood
/// anew only when one of them has changed; each read sees what the store has at that moment.
final class Followed<T> {
  private static final Logger LOG = LoggerFactory.getLogger(Followed.class);

  private final Store store;
  private final Kind kind;
  private final Function<ObjectNode, T> understand;
  private volatile Seen<T> seen = new Seen<>(List.of(), List.of());

  private record Seen<T>(List<Entry> entries, List<T> understood) {}

  Followed(Store store, String group, String kindName, Function<ObjectNode, T> understand) {
    this.store = store;
    this.kind = Registry.builtin(group, kindName);
    this.understand = understand;
  }

  List<T> all() {
    List<Entry> now = store.list(kind.keyPrefix(""), null, 0, 0).entries();
    Seen<T> last = seen;
    if (same(now, last.entries())) {
      return last.understood();
    }
    List<T> understood = new ArrayList<>();
    for (Entry entry : now) {
      try {
        understood.add(understand.apply(StoredForm.tree(kind, entry)));
      } catch (IllegalArgumentException e) {
        // Written before it was looked at so closely: it must not hold up all that is written.
        LOG.error("{} is left out: {}", entry.key(), e.getMessage());
      }
    }
    seen = new Seen<>(now, List.copyOf(understood));
    return understood;
  }

  private static boolean same(List<Entry> now, List<Entry> last) {
    if (now.size() != last.size()) {
      return false;
    }
    for (int i = 0; i < now.size(); i++) {
      if (now.get(i).modRevision() != last.get(i).modRevision()
          || !now.get(i).key().equals(last.get(i).key())) {
        return false;
      }
    }
    return true;
  }
}
