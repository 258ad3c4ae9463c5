// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp;

import dev.fairway.bgp.EventLoop.Timer;
import dev.fairway.bgp.PeerStatus.FamilyCounters;
import dev.fairway.bgp.PeerStatus.MessageCounters;
import dev.fairway.bgp.policy.Policy;
import dev.fairway.bgp.rib.Destination;
import dev.fairway.bgp.rib.PathSource;
import dev.fairway.bgp.rib.PathSource.Kind;
import dev.fairway.bgp.rib.RouteTable;
import dev.fairway.bgp.session.Agreement;
import dev.fairway.bgp.wire.AsPath;
import dev.fairway.bgp.wire.Capability;
import dev.fairway.bgp.wire.Message.Open;
import dev.fairway.bgp.wire.Message.Reached;
import dev.fairway.bgp.wire.Message.RouteRefresh;
import dev.fairway.bgp.wire.Message.Update;
import dev.fairway.bgp.wire.Notification;
import dev.fairway.bgp.wire.PathAttributes;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import java.time.Duration;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The routes of one neighbour, in both directions: what it tells goes through the filter into the
/// table, and what changes there goes to it. Lives on the loop.
final class Peer {
  private static final Logger LOG = LoggerFactory.getLogger(Peer.class);

  private final EventLoop loop;
  private final Map<IpFamily, RouteTable> tables;
  private final int place;
  private final IpAddress address;
  private BgpSettings settings;
  private PeerProfile profile;

  private final PathSource source;
  private final Map<IpFamily, PeerRoutes> out = new EnumMap<>(IpFamily.class);
  private final Map<IpFamily, Integer> accepted = new EnumMap<>(IpFamily.class);
  private final Map<IpFamily, Long> rejected = new EnumMap<>(IpFamily.class);
  private final Set<IpFamily> told = EnumSet.noneOf(IpFamily.class);
  private final Set<IpFamily> stale = EnumSet.noneOf(IpFamily.class);
  private @Nullable Timer staleEnd;
  private @Nullable PeerLink link;
  private @Nullable Agreement agreement;
  private @Nullable Export export;
  private List<String> capabilities = List.of();
  private Optional<IpAddress> remoteId = Optional.empty();
  private long updatesReceived;
  private long updatesSent;
  private long malformed;
  private long receivedBefore;
  private long sentBefore;
  private long sessions;

  Peer(
      EventLoop loop,
      Map<IpFamily, RouteTable> tables,
      int place,
      PeerSettings peer,
      BgpSettings settings) {
    this.loop = loop;
    this.tables = tables;
    this.place = place;
    this.address = peer.address();
    this.profile = peer.profile();
    this.settings = settings;
    Kind kind = profile.remoteAs() == settings.localAs() ? Kind.INTERNAL : Kind.EXTERNAL;
    source = new PathSource(kind, address, profile.reflectorClient(), settings.routerId());
    for (IpFamily family : IpFamily.values()) {
      accepted.put(family, 0);
      rejected.put(family, 0L);
    }
  }

  /// The neighbour has more prefixes than it may have.
  static final class TooMany extends Exception {
    private static final long serialVersionUID = 1L;

    TooMany(IpFamily family, int most) {
      super("more than " + most + " prefixes of " + family);
    }
  }

  int place() {
    return place;
  }

  boolean established() {
    return link != null;
  }

  /// Whether it has told all it knows, as far as it would say so; see RFC 4724 4.1.
  boolean settled() {
    if (agreement == null) {
      return false;
    }
    return agreement.restart().isEmpty()
        || agreement.restart().get().restarting()
        || told.containsAll(agreement.terms().families());
  }

  // ---- the session

  void up(PeerLink newLink, Open open) {
    link = newLink;
    Agreement agreed = java.util.Objects.requireNonNull(newLink.agreement());
    agreement = agreed;
    sessions++;
    told.clear();
    remoteId = Optional.of(open.id());
    source.routerId(open.id());
    capabilities = open.capabilities().stream().map(Capability::words).toList();
    for (IpFamily family : IpFamily.values()) {
      rejected.put(family, 0L);
      boolean kept =
          agreed.terms().families().contains(family)
              && agreed
                  .restart()
                  .filter(r -> r.preserved().getOrDefault(family, false))
                  .isPresent();
      if (stale.contains(family) && !kept) {
        dropStale(family);
      }
    }
    if (staleEnd != null) {
      staleEnd.cancel();
      staleEnd = loop.after(settings.gracefulRestart().staleTime(), this::dropAllStale);
    }
    export = newExport();
    out.clear();
    for (IpFamily family : agreed.terms().families()) {
      PeerRoutes routes = new PeerRoutes(family, table(family), place);
      out.put(family, routes);
      routes.begin();
    }
  }

  /// The routes go, or stay for a while as the neighbour restarts.
  void down(boolean graceful) {
    Agreement former = agreement;
    if (link != null) {
      receivedBefore += link.received();
      sentBefore += link.sent();
    }
    link = null;
    agreement = null;
    export = null;
    out.values().forEach(PeerRoutes::end);
    out.clear();
    told.clear();
    boolean waits =
        graceful && former != null && former.restart().filter(r -> r.seconds() > 0).isPresent();
    for (IpFamily family : IpFamily.values()) {
      if (waits
          && former.restart().orElseThrow().families().contains(family)
          && former.terms().families().contains(family)) {
        stale.add(family);
        table(family).makeStale(source);
      } else {
        stale.remove(family);
        accepted.put(family, 0);
        table(family).removeAll(source, false);
      }
    }
    if (staleEnd != null) {
      staleEnd.cancel();
      staleEnd = null;
    }
    if (waits) {
      Duration patience = Duration.ofSeconds(former.restart().orElseThrow().seconds());
      staleEnd = loop.after(patience, this::dropAllStale);
    }
  }

  void dropAllStale() {
    for (IpFamily family : Set.copyOf(stale)) {
      dropStale(family);
    }
    if (staleEnd != null) {
      staleEnd.cancel();
      staleEnd = null;
    }
  }

  private void dropStale(IpFamily family) {
    stale.remove(family);
    accepted.merge(family, -table(family).removeAll(source, true), Integer::sum);
  }

  // ---- what it tells

  void update(Update update) throws TooMany {
    updatesReceived++;
    if (!update.faults().isEmpty()) {
      if (malformed++ == 0) {
        LOG.warn("BGP peer {}: a malformed UPDATE: {}", address, update.faults());
      }
    }
    for (Prefix prefix : update.withdrawn()) {
      withdraw(prefix);
    }
    for (Reached reached : update.reached()) {
      reached(reached);
    }
    update.endOfRib().ifPresent(this::endOfRib);
  }

  private void reached(Reached reached) throws TooMany {
    IpFamily family = reached.prefixes().getFirst().family();
    RouteTable table = table(family);
    if (loops(reached.attributes()) || hides(reached.attributes().asPath())) {
      for (Prefix prefix : reached.prefixes()) {
        reject(prefix);
      }
      return;
    }
    PathAttributes attributes = table.share(reached.attributes());
    Policy policy = importPolicy();
    int most = profile.prefixLimit().most();
    int count = accepted.getOrDefault(family, 0);
    try {
      for (Prefix prefix : reached.prefixes()) {
        Optional<PathAttributes> admitted = policy.apply(prefix, attributes);
        if (admitted.isEmpty() || prefix.address().isMulticast()) {
          accepted.put(family, count);
          reject(prefix);
          count = accepted.getOrDefault(family, 0);
          continue;
        }
        PathAttributes kept =
            admitted.get().equals(attributes) ? attributes : table.share(admitted.get());
        if (table.put(source, prefix, kept) && ++count > most) {
          throw new TooMany(family, most);
        }
      }
    } finally {
      accepted.put(family, count);
    }
  }

  /// Whether the route has been here already, or leads to ourselves.
  private boolean loops(PathAttributes attributes) {
    AsPath path = attributes.asPath();
    IpAddress cluster = settings.clusterId().orElse(settings.routerId());
    IpAddress hop = attributes.nextHop();
    boolean ours =
        settings.nextHops().contains(hop)
            || (link != null && link.connection().local().address().equals(hop));
    return ours
        || path.contains(settings.localAs())
        || attributes.originatorId().filter(settings.routerId()::equals).isPresent()
        || attributes.clusterList().contains(cluster);
  }

  /// Whether a neighbour of another AS leaves itself out of the path, which would make the path
  /// look shorter than it is (RFC 4271 6.3).
  private boolean hides(AsPath path) {
    return source.kind() == Kind.EXTERNAL
        && path.first().filter(first -> first == profile.remoteAs()).isEmpty();
  }

  private void reject(Prefix prefix) {
    rejected.merge(prefix.family(), 1L, Long::sum);
    withdraw(prefix);
  }

  private void withdraw(Prefix prefix) {
    if (table(prefix.family()).remove(source, prefix)) {
      accepted.merge(prefix.family(), -1, Integer::sum);
    }
  }

  private void endOfRib(IpFamily family) {
    told.add(family);
    if (link != null && agreement != null && told.containsAll(agreement.terms().families())) {
      link.toldAll();
    }
    if (stale.contains(family)) {
      dropStale(family);
    }
  }

  void routeRefresh(RouteRefresh refresh) {
    if (refresh.family().isEmpty() || link == null || agreement == null) {
      return;
    }
    IpFamily family = refresh.family().get();
    PeerRoutes routes = out.get(family);
    if (routes == null) {
      return;
    }
    switch (refresh.subtype()) {
      case RouteRefresh.REQUEST -> routes.refresh(link, agreement.enhancedRefresh());
      case RouteRefresh.BEGIN -> {
        if (agreement.enhancedRefresh()) {
          stale.add(family);
          table(family).makeStale(source);
        }
      }
      case RouteRefresh.END -> {
        if (stale.contains(family)) {
          dropStale(family);
        }
      }
      default -> {} // RFC 7313 5: is ignored
    }
  }

  // ---- what it is told

  void changed(Destination destination) {
    PeerRoutes routes = out.get(destination.prefix().family());
    if (routes != null) {
      routes.changed(destination);
    }
  }

  /// Packs what waits, as long as the neighbour takes it.
  ///
  /// @param again to be posted once there is room again
  void flush(Runnable again) {
    if (link == null || export == null || agreement == null) {
      return;
    }
    for (PeerRoutes routes : out.values()) {
      while (routes.due()) {
        if (!link.outbox().hasRoom(again)) {
          return;
        }
        updatesSent += routes.pack(link, export, agreement.terms());
      }
    }
  }

  // ---- settings

  /// Takes over settings that do not need a new session.
  ///
  /// @return whether the neighbour cannot tell its routes again, though the filter needs them
  boolean adopt(PeerProfile newProfile, BgpSettings newSettings) {
    boolean asks = !newProfile.importPolicy().equals(profile.importPolicy());
    boolean tells =
        !newProfile.exportPolicy().equals(profile.exportPolicy())
            || newProfile.nextHopSelf() != profile.nextHopSelf()
            || !newSettings.nextHops().equals(settings.nextHops());
    profile = newProfile;
    settings = newSettings;
    if (link == null || agreement == null) {
      return false;
    }
    export = newExport();
    if (tells) {
      out.values().forEach(PeerRoutes::everything);
    }
    if (asks && agreement.refresh()) {
      for (IpFamily family : agreement.terms().families()) {
        link.send(new RouteRefresh(Optional.of(family), RouteRefresh.REQUEST));
      }
    }
    return asks && !agreement.refresh();
  }

  private Policy importPolicy() {
    return profile.importPolicy().orElse(usualPolicy());
  }

  private Policy usualPolicy() {
    return source.kind() == Kind.INTERNAL ? Policy.ACCEPT_ALL : Policy.REJECT_ALL; // RFC 8212
  }

  private Export newExport() {
    PeerLink now = java.util.Objects.requireNonNull(link);
    Agreement agreed = java.util.Objects.requireNonNull(agreement);
    return new Export(
        settings,
        profile,
        source,
        agreed.terms(),
        now.connection().local().address(),
        profile.exportPolicy().orElse(usualPolicy()));
  }

  private RouteTable table(IpFamily family) {
    return java.util.Objects.requireNonNull(tables.get(family));
  }

  // ---- for people

  Optional<IpAddress> remoteId() {
    return remoteId;
  }

  List<String> capabilities() {
    return capabilities;
  }

  long sessions() {
    return sessions;
  }

  Optional<Duration> holdTime() {
    return Optional.ofNullable(agreement).map(a -> Duration.ofSeconds(a.holdSeconds()));
  }

  Map<IpFamily, FamilyCounters> families() {
    Map<IpFamily, FamilyCounters> families = new EnumMap<>(IpFamily.class);
    for (IpFamily family : profile.families()) {
      PeerRoutes routes = out.get(family);
      if (routes != null || stale.contains(family)) {
        families.put(
            family,
            new FamilyCounters(
                accepted.getOrDefault(family, 0),
                rejected.getOrDefault(family, 0L),
                routes == null ? 0 : routes.told(),
                routes == null ? 0 : routes.pending(),
                told.contains(family)));
      }
    }
    return families;
  }

  MessageCounters messages() {
    return new MessageCounters(
        receivedBefore + (link == null ? 0 : link.received()),
        sentBefore + (link == null ? 0 : link.sent()),
        updatesReceived,
        updatesSent,
        malformed);
  }

  static Notification tooMany() {
    return Notification.of(Notification.CEASE, Notification.MAXIMUM_PREFIXES);
  }
}
