// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp;

import dev.fairway.bgp.BestRoute.NextHop;
import dev.fairway.bgp.rib.Destination;
import dev.fairway.bgp.rib.Path;
import dev.fairway.bgp.rib.PathSource;
import dev.fairway.bgp.rib.PathSource.Kind;
import dev.fairway.bgp.rib.RouteTable;
import dev.fairway.bgp.session.SessionState;
import dev.fairway.bgp.wire.AsPath;
import dev.fairway.bgp.wire.AttributesEdit;
import dev.fairway.bgp.wire.Notification;
import dev.fairway.bgp.wire.Origin;
import dev.fairway.bgp.wire.PathAttributes;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import dev.fairway.net.TransportAddress;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// A BGP-4 speaker: sessions with neighbours, the routes they tell, and the best of these.
///
/// Several may run in one process, each on its own transport. All state is on one thread, the loop;
/// connections have two virtual threads each, which only move bytes and messages.
public final class BgpSpeaker implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(BgpSpeaker.class);

  private static final Duration FAREWELL = Duration.ofSeconds(2);
  private static final Duration ACCEPT_AGAIN = Duration.ofSeconds(1);

  /// Octets of messages that may wait for the loop, of all neighbours together.
  private static final int CREDIT = 1024 * 1024;

  /// The listener's place among those who are told.
  private static final int LISTENER = 0;

  private final BgpTransport transport;
  private final EventLoop loop = new EventLoop("bgp");
  private final RoutesTeller teller;
  private final Semaphore credit = new Semaphore(CREDIT);
  private final Map<IpFamily, RouteTable> tables = new EnumMap<>(IpFamily.class);
  private final Map<IpAddress, PeerSession> sessions = new TreeMap<>();
  private final Map<TransportAddress, BgpTransport.Listener> listeners = new HashMap<>();
  private final Set<PeerLink> open = ConcurrentHashMap.newKeySet();
  private final BitSet places = new BitSet();
  private final PathSource local;
  private final PeerSession.Context context = new SharedContext();
  private @Nullable BgpSettings settings;
  private int links;
  private boolean settled;
  private boolean closed;

  private BgpSpeaker(BgpTransport transport, RoutesListener listener) {
    this.transport = transport;
    IpAddress none = IpAddress.ofIpv4(0);
    local = new PathSource(Kind.LOCAL, none, false, none);
    places.set(LISTENER);
    for (IpFamily family : IpFamily.values()) {
      tables.put(
          family,
          new RouteTable(
              Multipath.DEFAULT.external(), Multipath.DEFAULT.internal(), this::changed));
    }
    teller = new RoutesTeller(listener, () -> loop.post(this::tellAll));
  }

  /// Starts a speaker that does nothing until [#set].
  public static BgpSpeaker start(BgpTransport transport, RoutesListener listener) {
    return new BgpSpeaker(transport, listener);
  }

  /// Makes the speaker what the settings say. Returns when they are in effect, not when sessions
  /// are up. Sessions whose settings did not change stay up; a change of policy asks the neighbour
  /// for its routes again instead of a new session where it can (RFC 2918).
  ///
  /// @throws IOException if it cannot listen where it should, or a peer's guard is not to be had;
  ///   all else is in effect then
  public void set(BgpSettings newSettings) throws IOException {
    Optional<IOException> failure = loop.ask(() -> adopt(newSettings));
    if (failure.isPresent()) {
      throw failure.get();
    }
  }

  /// All neighbours, in the order of their addresses.
  public List<PeerStatus> peers() {
    return loop.ask(() -> sessions.values().stream().map(PeerSession::status).toList());
  }

  /// The best routes that neighbours told, in no order. Costs a walk through the whole table.
  public List<BestRoute> routes() {
    return loop.ask(this::bestRoutes);
  }

  /// Somebody who watches closer (BFD, RFC 5882) knows that the neighbour is dead: the session ends
  /// at once, without a graceful restart, and is tried again. Nothing happens if there is no such
  /// peer.
  ///
  /// @param why for people
  public void peerDown(IpAddress peer, String why) {
    loop.post(() -> {
      PeerSession session = sessions.get(peer);
      if (session != null) {
        session.dead(why);
      }
    });
  }

  /// Ends the program's life but not the neighbours' trust: connections end without a NOTIFICATION,
  /// so that neighbours with graceful restart keep the routes for our next life.
  public void closeForRestart() {
    close(Optional.empty());
  }

  /// Tells all neighbours that this is the end (Cease, Administrative Shutdown), and ends. The
  /// listener is not told that the routes are gone.
  @Override
  public void close() {
    close(Optional.of(Notification.of(Notification.CEASE, Notification.ADMINISTRATIVE_SHUTDOWN)));
  }

  private void close(Optional<Notification> notification) {
    boolean first;
    try {
      first =
          loop.ask(() -> {
            boolean wasOpen = !closed;
            closed = true;
            if (wasOpen) {
              listeners.values().forEach(BgpTransport.Listener::close);
              sessions.values().forEach(s -> s.stop(notification, "the speaker ends", false));
            }
            return wasOpen;
          });
    } catch (IllegalStateException e) {
      return; // closed before
    }
    if (first) {
      teller.close();
      loop.close();
      // Last words go out, as far as neighbours take them; then nothing is left open.
      long end = System.nanoTime() + FAREWELL.toNanos();
      for (PeerLink link : open) {
        link.awaitEnd(end - System.nanoTime());
        link.close();
      }
    }
  }

  // ---- settings, on the loop

  private Optional<IOException> adopt(BgpSettings next) {
    BgpSettings former = settings;
    settings = next;
    if (former == null) {
      local.routerId(next.routerId());
      settled = !next.gracefulRestart().restarting();
      if (!settled) {
        loop.after(next.gracefulRestart().selectionDeferral(), this::settle);
      } else {
        tellAll();
      }
    }
    if (former == null || !former.multipath().equals(next.multipath())) {
      tables
          .values()
          .forEach(t -> t.multipath(next.multipath().external(), next.multipath().internal()));
    }
    boolean another =
        former != null
            && (former.localAs() != next.localAs()
                || !former.routerId().equals(next.routerId())
                || !former.clusterId().equals(next.clusterId()));
    originate(next);
    Optional<IOException> failure = listen(next);
    adoptPeers(next, another);
    checkSettled();
    return failure;
  }

  private void originate(BgpSettings next) {
    Set<Prefix> wanted = new HashSet<>();
    for (Advertisement advertisement : next.advertisements()) {
      Prefix prefix = advertisement.prefix();
      wanted.add(prefix);
      PathAttributes attributes =
          new AttributesEdit(advertisement.nextHop().orElse(Export.SELF))
              .origin(Origin.IGP)
              .asPath(AsPath.EMPTY)
              .communities(advertisement.communities())
              .largeCommunities(advertisement.largeCommunities())
              .localPreference(advertisement.localPreference())
              .done();
      RouteTable table = table(prefix.family());
      table.put(local, prefix, table.share(attributes));
    }
    for (RouteTable table : tables.values()) {
      for (Destination destination : table.all()) {
        if (destination.path(local).isPresent() && !wanted.contains(destination.prefix())) {
          table.remove(local, destination.prefix());
        }
      }
    }
  }

  private Optional<IOException> listen(BgpSettings next) {
    IOException failure = null;
    for (TransportAddress address : Set.copyOf(listeners.keySet())) {
      if (!next.listen().contains(address)) {
        listeners.remove(address).close();
      }
    }
    List<BgpTransport.Guarded> guards = new ArrayList<>();
    for (PeerSettings peer : next.peers()) {
      guards.add(guarded(peer.address().toPrefix(), peer.profile(), next));
    }
    for (DynamicPeers range : next.dynamicPeers()) {
      guards.add(guarded(range.range(), range.profile(), next));
    }
    for (TransportAddress address : next.listen()) {
      try {
        BgpTransport.Listener known = listeners.get(address);
        BgpTransport.Listener listener = known == null ? transport.listen(address) : known;
        listeners.put(address, listener);
        try {
          listener.guard(guards);
        } finally {
          if (known == null) {
            Thread.ofVirtual().name("bgp-accept-" + address).start(() -> accept(listener));
          }
        }
      } catch (IOException e) {
        if (failure == null) {
          failure = e;
        } else {
          failure.addSuppressed(e);
        }
      }
    }
    return Optional.ofNullable(failure);
  }

  private static BgpTransport.Guarded guarded(
      Prefix from, PeerProfile profile, BgpSettings settings) {
    boolean external = profile.remoteAs() != settings.localAs();
    return new BgpTransport.Guarded(from, new BgpTransport.Guard(profile.socket(), external));
  }

  private void adoptPeers(BgpSettings next, boolean another) {
    Map<IpAddress, PeerProfile> wanted = new HashMap<>();
    next.peers().forEach(peer -> wanted.put(peer.address(), peer.profile()));
    for (PeerSession session : List.copyOf(sessions.values())) {
      PeerProfile profile =
          session.dynamic() && !wanted.containsKey(session.address())
              ? dynamicProfile(session.address())
              : wanted.get(session.address());
      if (profile == null) {
        end(session, Notification.PEER_DECONFIGURED, "no longer configured");
      } else if (another
          || session.dynamic() == wanted.containsKey(session.address())
          || needsNewSession(session.profile(), profile)) {
        if (profile.shutdown().isPresent()) {
          session.stop(
              profile
                  .shutdown()
                  .map(why -> Notification.shutdown(Notification.ADMINISTRATIVE_SHUTDOWN, why)),
              "administratively down: " + profile.shutdown().get(),
              false);
        }
        end(session, Notification.CONFIGURATION_CHANGE, "its settings changed");
      } else {
        session.adopt(profile);
      }
    }
    wanted.forEach((address, profile) -> {
      if (!sessions.containsKey(address)) {
        add(new PeerSettings(address, profile), false).start();
      }
    });
  }

  private static boolean needsNewSession(PeerProfile former, PeerProfile next) {
    return former.remoteAs() != next.remoteAs()
        || !former.socket().equals(next.socket())
        || former.passive() != next.passive()
        || !former.families().equals(next.families())
        || !former.holdTime().equals(next.holdTime())
        || former.reflectorClient() != next.reflectorClient()
        || !former.prefixLimit().equals(next.prefixLimit())
        || !former.shutdown().equals(next.shutdown());
  }

  private PeerSession add(PeerSettings peer, boolean dynamic) {
    int place = places.nextClearBit(0);
    places.set(place);
    Peer routes = new Peer(loop, tables, place, peer, context.settings());
    PeerSession session = new PeerSession(context, peer, dynamic, routes);
    sessions.put(peer.address(), session);
    return session;
  }

  private void end(PeerSession session, int subcode, String why) {
    session.stop(Optional.of(Notification.of(Notification.CEASE, subcode)), why, false);
    forget(session);
  }

  private void forget(PeerSession session) {
    session.routes().down(false);
    sessions.remove(session.address(), session);
    places.clear(session.routes().place());
  }

  private @Nullable PeerProfile dynamicProfile(IpAddress address) {
    for (DynamicPeers range : context.settings().dynamicPeers()) {
      if (range.range().contains(address)) {
        return range.profile();
      }
    }
    return null;
  }

  // ---- connections

  /// One connection after the other, so no more of them wait than the kernel keeps.
  private void accept(BgpTransport.Listener listener) {
    boolean said = false;
    while (listens(listener)) {
      try {
        BgpTransport.Connection connection = listener.accept();
        said = false;
        handOver(connection);
      } catch (IOException e) {
        // Perhaps there are too many open files; that passes.
        if (listens(listener)) {
          if (!said) {
            LOG.warn("BGP: accepts nobody at {} now: {}", listener.local(), e.getMessage());
          }
          said = true;
          LockSupport.parkNanos(ACCEPT_AGAIN.toNanos());
        }
      }
    }
  }

  private boolean listens(BgpTransport.Listener listener) {
    try {
      return loop.ask(() -> !closed && listeners.containsValue(listener));
    } catch (IllegalStateException e) {
      return false; // the loop has ended
    }
  }

  private void handOver(BgpTransport.Connection connection) {
    try {
      loop.ask(() -> {
        accepted(connection);
        return true;
      });
    } catch (RuntimeException e) {
      connection.close();
    }
  }

  private void accepted(BgpTransport.Connection connection) {
    IpAddress from = connection.remote().address();
    PeerSession session = closed ? null : sessions.get(from);
    if (session == null && !closed) {
      session = addDynamic(from);
    }
    if (session == null) {
      connection.close();
      return;
    }
    session.accepted(connection);
  }

  private @Nullable PeerSession addDynamic(IpAddress from) {
    for (DynamicPeers range : context.settings().dynamicPeers()) {
      if (range.range().contains(from)) {
        for (PeerSession session : List.copyOf(sessions.values())) {
          if (session.dynamic() && session.over()) {
            session.stop(Optional.empty(), "gone", false);
            forget(session);
          }
        }
        long known =
            sessions.values().stream()
                .filter(session -> session.dynamic() && range.range().contains(session.address()))
                .count();
        if (known >= range.limit()) {
          LOG.warn("BGP: {} is refused, {} has its {} peers", from, range.range(), range.limit());
          return null;
        }
        PeerSession added = add(new PeerSettings(from, range.profile()), true);
        added.start();
        return added;
      }
    }
    return null;
  }

  // ---- routes

  private RouteTable table(IpFamily family) {
    return java.util.Objects.requireNonNull(tables.get(family));
  }

  private void changed(Destination destination) {
    for (PeerSession session : sessions.values()) {
      if (session.routes().established()) {
        session.routes().changed(destination);
        session.flushSoon();
      }
    }
    // What ends with the speaker stays in the kernel; the next life decides.
    if (settled && !closed) {
      tell(destination);
    }
  }

  private void tell(Destination destination) {
    Optional<BestRoute> best = best(destination);
    if (best.isPresent()) {
      destination.told(LISTENER, true);
      teller.changed(destination.prefix(), best);
    } else if (destination.told(LISTENER)) {
      destination.told(LISTENER, false);
      teller.changed(destination.prefix(), best);
    }
  }

  private void tellAll() {
    List<BestRoute> all = bestRoutes();
    for (RouteTable table : tables.values()) {
      for (Destination destination : table.all()) {
        destination.told(LISTENER, best(destination).isPresent());
      }
    }
    teller.all(all, settled);
  }

  private List<BestRoute> bestRoutes() {
    List<BestRoute> routes = new ArrayList<>();
    for (RouteTable table : tables.values()) {
      for (Destination destination : table.all()) {
        best(destination).ifPresent(routes::add);
      }
    }
    return routes;
  }

  private static Optional<BestRoute> best(Destination destination) {
    Path[] best = destination.best();
    if (best.length == 0 || best[0].source().kind() == Kind.LOCAL) {
      return Optional.empty();
    }
    NextHop[] hops = new NextHop[best.length];
    for (int i = 0; i < best.length; i++) {
      hops[i] = new NextHop(best[i].attributes().nextHop(), best[i].source().address());
    }
    return Optional.of(
        new BestRoute(
            destination.prefix(),
            List.of(hops),
            best[0].attributes(),
            best[0].source().kind() == Kind.EXTERNAL,
            best[0].stale()));
  }

  /// After a restart: whether all neighbours have told what they know (RFC 4724 4.1).
  private void checkSettled() {
    if (!settled && settings != null) {
      boolean all =
          sessions.values().stream()
              .filter(session -> session.profile().shutdown().isEmpty())
              .allMatch(session -> session.routes().settled());
      if (all) {
        settle();
      }
    }
  }

  private void settle() {
    if (!settled && !closed) {
      settled = true;
      tellAll();
      sessions.values().forEach(PeerSession::flush);
    }
  }

  private final class SharedContext implements PeerSession.Context {
    @Override
    public EventLoop loop() {
      return loop;
    }

    @Override
    public BgpTransport transport() {
      return transport;
    }

    @Override
    public BgpSettings settings() {
      return java.util.Objects.requireNonNull(settings);
    }

    @Override
    public Semaphore credit() {
      return credit;
    }

    @Override
    public int nextLink() {
      return ++links;
    }

    @Override
    public Set<PeerLink> openLinks() {
      return open;
    }

    @Override
    public boolean settled() {
      return settled;
    }

    @Override
    public boolean restarting() {
      return !settled;
    }

    @Override
    public void stateChanged(PeerSession session) {
      if (session.dynamic() && session.over() && session.state() != SessionState.CONNECT) {
        loop.post(() -> {
          if (session.over() && sessions.get(session.address()) == session) {
            session.stop(Optional.empty(), "gone", false);
            forget(session);
          }
        });
      }
      checkSettled();
    }
  }
}
