// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp;

import dev.fairway.bgp.rib.Destination;
import dev.fairway.bgp.rib.Path;
import dev.fairway.bgp.rib.PathSource;
import dev.fairway.bgp.rib.RouteTable;
import dev.fairway.bgp.wire.Message.RouteRefresh;
import dev.fairway.bgp.wire.MessageWriter;
import dev.fairway.bgp.wire.PathAttributes;
import dev.fairway.bgp.wire.SessionTerms;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// What one neighbour is still to be told of one family. Changes wait as destinations, each once;
/// they are packed into messages, those with the same attributes together, only as fast as the
/// neighbour takes them.
final class PeerRoutes {
  /// About how much is packed at a time.
  private static final int BATCH_OCTETS = 128 * 1024;

  private final IpFamily family;
  private final RouteTable table;
  private final int place;
  private final ArrayDeque<Destination> queue = new ArrayDeque<>();
  private int told;
  private boolean endDue;
  private boolean refreshEndDue;

  /// A question is being answered, and perhaps another one came meanwhile.
  private boolean answering;

  private boolean asked;

  PeerRoutes(IpFamily family, RouteTable table, int place) {
    this.family = family;
    this.table = table;
    this.place = place;
  }

  int told() {
    return told;
  }

  int pending() {
    return queue.size();
  }

  void changed(Destination destination) {
    if (!destination.pending(place)) {
      destination.pending(place, true);
      queue.add(destination);
    }
  }

  /// A session begins: all there is, and then that it was all.
  void begin() {
    endDue = true;
    everything();
  }

  /// All there is, once more.
  void everything() {
    for (Destination destination : table.all()) {
      if (destination.best().length > 0 || destination.told(place)) {
        changed(destination);
      }
    }
  }

  /// All there is, as the answer to a question (RFC 2918, RFC 7313). Questions that come before the
  /// answer has gone out are answered together: one costs a walk through the table.
  void refresh(PeerLink link, boolean bracketed) {
    if (answering) {
      asked = true;
      return;
    }
    answering = true;
    if (bracketed) {
      link.send(new RouteRefresh(Optional.of(family), RouteRefresh.BEGIN));
      refreshEndDue = true;
    }
    everything();
  }

  /// The session is over.
  void end() {
    queue.clear();
    told = 0;
    endDue = false;
    refreshEndDue = false;
    answering = false;
    asked = false;
    for (Destination destination : table.all()) {
      destination.pending(place, false);
      destination.told(place, false);
      table.tidy(destination);
    }
  }

  private record GroupKey(PathSource source, PathAttributes admitted) {
    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof GroupKey that
          && source == that.source
          && admitted.equals(that.admitted);
    }

    @Override
    public int hashCode() {
      return System.identityHashCode(source) * 31 + admitted.hashCode();
    }
  }

  private record Group(Optional<PathAttributes> attributes, List<Prefix> prefixes) {}

  /// Packs a batch of what waits.
  ///
  /// @return how many messages that were
  int pack(PeerLink link, Export export, SessionTerms terms) {
    List<Destination> gone = new ArrayList<>();
    Map<GroupKey, Group> groups = new LinkedHashMap<>();
    Map<PathAttributes, Group> sameOnWire = new HashMap<>();
    @Nullable PathAttributes lastAdmitted = null;
    @Nullable PathSource lastSource = null;
    @Nullable Group lastGroup = null;
    int octets = 0;
    while (!queue.isEmpty() && octets < BATCH_OCTETS) {
      Destination destination = queue.remove();
      destination.pending(place, false);
      octets += 1 + family.addressBytes();
      Path[] best = destination.best();
      Optional<PathAttributes> admitted =
          best.length == 0 ? Optional.empty() : export.admit(destination.prefix(), best[0]);
      Group group = null;
      if (admitted.isPresent()) {
        PathSource source = best[0].source();
        if (lastGroup != null && admitted.get().equals(lastAdmitted) && source == lastSource) {
          group = lastGroup;
        } else {
          GroupKey key = new GroupKey(source, admitted.get());
          group = groups.get(key);
          if (group == null) {
            Optional<PathAttributes> wire = export.send(family, source, admitted.get());
            group =
                wire.isEmpty()
                    ? new Group(wire, List.of())
                    : sameOnWire.computeIfAbsent(
                        wire.get(), same -> new Group(Optional.of(same), new ArrayList<>()));
            groups.put(key, group);
            octets += 100;
          }
          lastAdmitted = admitted.get();
          lastSource = source;
          lastGroup = group;
        }
      }
      if (group != null && group.attributes.isPresent()) {
        group.prefixes.add(destination.prefix());
        told += destination.told(place) ? 0 : 1;
        destination.told(place, true);
      } else if (destination.told(place)) {
        gone.add(destination);
      } else {
        table.tidy(destination);
      }
    }
    int updates = withdraw(gone, link, terms);
    for (Group group : sameOnWire.values()) {
      updates += send(group, link, terms);
    }
    return updates + ends(link);
  }

  private int withdraw(List<Destination> gone, PeerLink link, SessionTerms terms) {
    List<Prefix> prefixes = new ArrayList<>(gone.size());
    for (Destination destination : gone) {
      told--;
      destination.told(place, false);
      prefixes.add(destination.prefix());
      table.tidy(destination);
    }
    return send(MessageWriter.withdrawn(family, prefixes, terms), link);
  }

  private int send(Group group, PeerLink link, SessionTerms terms) {
    List<ByteBuffer> messages;
    try {
      messages =
          MessageWriter.reached(group.attributes.orElseThrow(), family, group.prefixes, terms);
    } catch (IllegalArgumentException e) {
      // Longer than the neighbour can take: as if filtered (RFC 8654 4).
      messages = MessageWriter.withdrawn(family, group.prefixes, terms);
    }
    return send(messages, link);
  }

  private static int send(List<ByteBuffer> messages, PeerLink link) {
    messages.forEach(link::send);
    return messages.size();
  }

  private int ends(PeerLink link) {
    if (!queue.isEmpty()) {
      return 0;
    }
    int updates = 0;
    if (endDue) {
      endDue = false;
      link.send(MessageWriter.endOfRib(family));
      updates = 1;
    }
    boolean bracketed = refreshEndDue;
    if (bracketed) {
      refreshEndDue = false;
      link.send(new RouteRefresh(Optional.of(family), RouteRefresh.END));
    }
    answering = false;
    if (asked) {
      asked = false;
      refresh(link, bracketed);
    }
    return updates;
  }

  /// Whether something is to be sent.
  boolean due() {
    return !queue.isEmpty() || endDue || answering;
  }
}
