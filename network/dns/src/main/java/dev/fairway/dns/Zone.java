// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.pcollections.HashTreePMap;
import org.pcollections.PMap;

/// All names of the cluster at one moment; it never changes. A name exists if it has records or a
/// name below it has (RFC 8020), so every node counts its uses: that tells "no such name" from "no
/// such type", and lets names vanish with their last use.
final class Zone {
  static final Zone EMPTY = new Zone(HashTreePMap.empty(), 0);

  private record Node(List<ResourceRecord> records, int uses) {}

  /// What one object contributes.
  ///
  /// @param name exists even without records
  /// @param records at this name and others
  record Contribution(Name name, List<ResourceRecord> records) {
    Contribution {
      records = List.copyOf(records);
    }
  }

  private final PMap<Name, Node> nodes;
  private final int serial;

  private Zone(PMap<Name, Node> nodes, int serial) {
    this.nodes = nodes;
    this.serial = serial;
  }

  /// Grows with each change (RFC 1982); by its use of the clock also over a restart.
  int serial() {
    return serial;
  }

  /// All records at or below a name, in no order.
  Stream<ResourceRecord> within(Name apex) {
    return nodes.entrySet().stream()
        .filter(entry -> entry.getKey().isWithin(apex))
        .flatMap(entry -> entry.getValue().records.stream());
  }

  /// The records at a name, empty if it only exists, null if it does not.
  @Nullable List<ResourceRecord> records(Name name) {
    Node node = nodes.get(name);
    return node == null ? null : node.records;
  }

  int size() {
    return nodes.size();
  }

  /// The zone without some contributions, which must be in it, and with others.
  ///
  /// @param seconds what the clock says, since 1970
  Zone with(Collection<Contribution> removed, Collection<Contribution> added, long seconds) {
    Map<Name, Draft> drafts = new HashMap<>();
    for (Contribution contribution : removed) {
      count(drafts, contribution.name(), -1);
      for (ResourceRecord record : contribution.records()) {
        draft(drafts, record.name()).records.remove(record);
        count(drafts, record.name(), -1);
      }
    }
    for (Contribution contribution : added) {
      count(drafts, contribution.name(), 1);
      for (ResourceRecord record : contribution.records()) {
        draft(drafts, record.name()).records.add(record);
        count(drafts, record.name(), 1);
      }
    }
    Set<Name> gone = new HashSet<>();
    Map<Name, Node> changed = new HashMap<>();
    drafts.forEach((name, draft) -> {
      if (draft.uses == 0) {
        gone.add(name);
      } else {
        changed.put(name, new Node(List.copyOf(draft.records), draft.uses));
      }
    });
    int now = (int) seconds;
    int next = now - serial > 0 ? now : serial + 1;
    return new Zone(nodes.minusAll(gone).plusAll(changed), next);
  }

  private void count(Map<Name, Draft> drafts, Name name, int uses) {
    for (Name at = name; at != null && !at.isRoot(); at = at.parent()) {
      draft(drafts, at).uses += uses;
    }
  }

  private Draft draft(Map<Name, Draft> drafts, Name name) {
    return drafts.computeIfAbsent(name, _ -> new Draft(nodes.get(name)));
  }

  private static final class Draft {
    final List<ResourceRecord> records;
    int uses;

    Draft(@Nullable Node node) {
      records = new ArrayList<>(node == null ? List.of() : node.records);
      uses = node == null ? 0 : node.uses;
    }
  }
}
