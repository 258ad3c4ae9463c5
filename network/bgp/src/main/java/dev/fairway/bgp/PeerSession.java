// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp;

import dev.fairway.bgp.EventLoop.Timer;
import dev.fairway.bgp.session.Link;
import dev.fairway.bgp.session.Link.Direction;
import dev.fairway.bgp.session.PeerMachine;
import dev.fairway.bgp.session.PeerMachine.Outcome;
import dev.fairway.bgp.session.SessionAction;
import dev.fairway.bgp.session.SessionEvent;
import dev.fairway.bgp.session.SessionEvent.Accepted;
import dev.fairway.bgp.session.SessionEvent.Broke;
import dev.fairway.bgp.session.SessionEvent.ConnectFailed;
import dev.fairway.bgp.session.SessionEvent.Connected;
import dev.fairway.bgp.session.SessionEvent.Fault;
import dev.fairway.bgp.session.SessionEvent.KeepaliveCame;
import dev.fairway.bgp.session.SessionEvent.NotificationCame;
import dev.fairway.bgp.session.SessionEvent.OpenCame;
import dev.fairway.bgp.session.SessionEvent.RetryTime;
import dev.fairway.bgp.session.SessionEvent.RoutesCame;
import dev.fairway.bgp.session.SessionEvent.Start;
import dev.fairway.bgp.session.SessionEvent.Stop;
import dev.fairway.bgp.session.SessionState;
import dev.fairway.bgp.wire.Capability;
import dev.fairway.bgp.wire.Message;
import dev.fairway.bgp.wire.Message.Keepalive;
import dev.fairway.bgp.wire.Message.Open;
import dev.fairway.bgp.wire.Message.RouteRefresh;
import dev.fairway.bgp.wire.Message.Update;
import dev.fairway.bgp.wire.Notification;
import dev.fairway.bgp.wire.ProtocolException;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.TransportAddress;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Semaphore;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// One neighbour at work: feeds its machine with what happens and does what that says. Lives on the
/// loop.
final class PeerSession implements PeerLink.Receiver {
  private static final Logger LOG = LoggerFactory.getLogger(PeerSession.class);
  private static final Duration OPEN_PATIENCE = Duration.ofSeconds(60);
  private static final Duration FLUSH_PATIENCE = Duration.ofSeconds(2);
  private static final Duration FOREVER = Duration.ofDays(3650);
  private static final Duration LONGEST_RETRY = Duration.ofSeconds(60);
  private static final long SHORTEST_SEND_HOLD = Duration.ofMinutes(8).toNanos(); // RFC 9687

  private final Context context;
  private final IpAddress address;
  private final boolean dynamic;
  private final Peer routes;
  private final Map<Integer, PeerLink> links = new HashMap<>();
  private PeerProfile profile;
  private PeerMachine machine;
  private @Nullable Timer retry;
  private @Nullable Thread connecting;
  private @Nullable Candidate candidate;
  private SessionState state = SessionState.IDLE;
  private Instant since = Instant.now();
  private Optional<String> whyDown = Optional.empty();
  private Duration idleFor = Duration.ZERO;
  private long idleUntil = System.nanoTime();
  private boolean flushPosted;

  /// What all sessions of a speaker share.
  interface Context {
    EventLoop loop();

    BgpTransport transport();

    BgpSettings settings();

    Semaphore credit();

    int nextLink();

    /// Connections whose writer has not ended; any thread's.
    Set<PeerLink> openLinks();

    /// Whether routes may be told already (RFC 4724 4.1).
    boolean settled();

    /// Whether we may still have routes of a former life.
    boolean restarting();

    void stateChanged(PeerSession session);
  }

  /// A connection that the machine has not decided on.
  private record Candidate(int number, Direction direction, BgpTransport.Connection connection) {}

  PeerSession(Context context, PeerSettings peer, boolean dynamic, Peer routes) {
    this.context = context;
    this.address = peer.address();
    this.profile = peer.profile();
    this.dynamic = dynamic;
    this.routes = routes;
    BgpSettings settings = context.settings();
    machine =
        PeerMachine.idle(
            new PeerMachine.Rules(settings.localAs(), settings.routerId(), profile.passive()));
  }

  IpAddress address() {
    return address;
  }

  PeerProfile profile() {
    return profile;
  }

  Peer routes() {
    return routes;
  }

  boolean dynamic() {
    return dynamic;
  }

  SessionState state() {
    return state;
  }

  /// Whether nothing is left of the session: neither connections nor routes that are kept.
  boolean over() {
    return machine.links().isEmpty() && !machine.connecting() && routes.families().isEmpty();
  }

  void start() {
    if (profile.shutdown().isEmpty()) {
      feed(new Start());
    } else {
      whyDown = profile.shutdown().map(why -> "administratively down: " + why);
    }
  }

  void stop(Optional<Notification> notification, String why, boolean graceful) {
    feed(new Stop(notification, why, graceful));
  }

  /// Takes over a profile that needs no new session.
  void adopt(PeerProfile newProfile) {
    profile = newProfile;
    if (routes.adopt(newProfile, context.settings())) {
      restart("the filter changed, and the neighbour cannot tell its routes again");
    }
    flush();
  }

  /// Ends the session and begins anew.
  void restart(String why) {
    stop(
        Optional.of(Notification.of(Notification.CEASE, Notification.CONFIGURATION_CHANGE)),
        why,
        false);
    start();
  }

  void dead(String why) {
    routes.dropAllStale();
    for (int number : List.copyOf(machine.links().keySet())) {
      feed(new Fault(number, Notification.of(Notification.CEASE, Notification.BFD_DOWN), why));
    }
  }

  // ---- events

  void accepted(BgpTransport.Connection connection) {
    if (idleUntil - System.nanoTime() > 0) {
      connection.close(); // it told too much, and will again
      return;
    }
    candidate = new Candidate(context.nextLink(), Direction.INCOMING, connection);
    feed(new Accepted(candidate.number));
  }

  @Override
  public void came(PeerLink link, Message message, int octets) {
    boolean posted =
        context
            .loop()
            .post(() -> {
              try {
                handle(link, message);
              } finally {
                context.credit().release(octets);
              }
            });
    if (!posted) {
      context.credit().release(octets);
    }
  }

  private void handle(PeerLink link, Message message) {
    if (links.get(link.number()) != link) {
      return;
    }
    switch (message) {
      case Open open -> feed(new OpenCame(link.number(), open));
      case Keepalive() -> feed(new KeepaliveCame(link.number()));
      case Notification notification -> feed(new NotificationCame(link.number(), notification));
      case Update update -> {
        feed(new RoutesCame(link.number()));
        if (machine.state() == SessionState.ESTABLISHED && links.get(link.number()) == link) {
          update(link, update);
        }
      }
      case RouteRefresh refresh -> {
        feed(new RoutesCame(link.number()));
        if (machine.state() == SessionState.ESTABLISHED && links.get(link.number()) == link) {
          routes.routeRefresh(refresh);
          flush();
        }
      }
    }
  }

  private void update(PeerLink link, Update update) {
    try {
      boolean wasSettled = routes.settled();
      routes.update(update);
      if (wasSettled != routes.settled()) {
        context.stateChanged(this);
      }
    } catch (Peer.TooMany e) {
      idleFor = profile.prefixLimit().restartAfter().orElse(FOREVER);
      idleUntil = System.nanoTime() + idleFor.toNanos();
      feed(
          new Fault(
              link.number(), Peer.tooMany(), java.util.Objects.requireNonNull(e.getMessage())));
    }
  }

  @Override
  public void fault(PeerLink link, ProtocolException fault) {
    String why = java.util.Objects.requireNonNullElse(fault.getMessage(), "protocol error");
    context.loop().post(() -> feed(new Fault(link.number(), fault.notification(), why)));
  }

  @Override
  public void broke(PeerLink link, String why) {
    context.loop().post(() -> feed(new Broke(link.number(), why)));
  }

  @Override
  public void ended(PeerLink link) {
    context.openLinks().remove(link);
  }

  // ---- the machine

  private void feed(SessionEvent event) {
    String why =
        switch (event) {
          case Stop stop -> stop.why();
          case ConnectFailed failed -> failed.why();
          case NotificationCame came -> "the neighbour said: " + came.notification();
          case Broke broke -> broke.why();
          case Fault fault -> fault.why();
          default -> "";
        };
    Outcome outcome = machine.on(event);
    boolean counts = !outcome.actions().isEmpty() || event instanceof ConnectFailed;
    if (!why.isEmpty() && counts) {
      whyDown = Optional.of(why);
    }
    machine = outcome.next();
    for (SessionAction action : outcome.actions()) {
      perform(action);
    }
    candidate = null;
    if (machine.state() != state) {
      state = machine.state();
      since = Instant.now();
      context.stateChanged(this);
    }
  }

  private void perform(SessionAction action) {
    switch (action) {
      case SessionAction.Connect() -> connect();
      case SessionAction.AbandonConnect() -> {
        if (connecting != null) {
          connecting.interrupt();
          connecting = null;
        }
      }
      case SessionAction.SendOpen(int number) -> open(number);
      case SessionAction.SendKeepalives(int number) -> {
        PeerLink link = links.get(number);
        if (link != null && link.agreement() != null) {
          link.keepAlive(link.agreement().holdSeconds() * jittered(1_000_000_000L / 3));
        }
      }
      case SessionAction.Refuse(int number, Notification notification) ->
          refuse(number, notification);
      case SessionAction.Close(int number) -> {
        PeerLink link = links.remove(number);
        if (link != null) {
          link.close();
        }
      }
      case SessionAction.Up(int number, Open open) -> up(number, open);
      case SessionAction.Down(String why, boolean graceful) -> {
        LOG.info("BGP peer {}: down: {}", address, why);
        whyDown = Optional.of(why);
        routes.down(graceful);
      }
      case SessionAction.Retry(int failures) -> retry(failures);
      case SessionAction.ForgetRetry() -> forgetRetry();
    }
  }

  private void connect() {
    TransportAddress remote = new TransportAddress(address, profile.socket().port());
    BgpTransport.Guard guard = new BgpTransport.Guard(profile.socket(), external());
    Thread thread =
        Thread.ofVirtual()
            .name("bgp-connect-" + address)
            .unstarted(() -> {
              Thread self = Thread.currentThread();
              try {
                BgpTransport.Connection connection = context.transport().connect(remote, guard);
                if (!context.loop().post(() -> connected(self, connection))) {
                  connection.close();
                }
              } catch (IOException | RuntimeException e) {
                context.loop().post(() -> connectFailed(self, e));
              }
            });
    connecting = thread;
    thread.start();
  }

  private void connected(Thread attempt, BgpTransport.Connection connection) {
    if (attempt != connecting) {
      connection.close();
      return;
    }
    connecting = null;
    candidate = new Candidate(context.nextLink(), Direction.OUTGOING, connection);
    feed(new Connected(candidate.number));
  }

  private void connectFailed(Thread attempt, Exception failure) {
    if (attempt == connecting) {
      connecting = null;
      feed(new ConnectFailed("cannot connect: " + failure.getMessage()));
    }
  }

  private void open(int number) {
    Candidate taken = java.util.Objects.requireNonNull(candidate);
    PeerLink link = new PeerLink(number, taken.direction, taken.connection);
    links.put(number, link);
    context.openLinks().add(link);
    link.open(ourOpen(), profile.remoteAs(), context.credit(), this);
    watch(link);
  }

  private void refuse(int number, Notification notification) {
    PeerLink link = links.remove(number);
    if (link == null) {
      if (candidate != null && candidate.number == number) {
        candidate.connection.close();
      }
      return;
    }
    link.send(notification);
    link.finish();
    context.loop().after(FLUSH_PATIENCE, link::close);
  }

  private void up(int number, Open open) {
    PeerLink link = java.util.Objects.requireNonNull(links.get(number));
    LOG.info("BGP peer {}: up", address);
    whyDown = Optional.empty();
    idleFor = Duration.ZERO;
    routes.up(link, open);
    flush();
  }

  private void retry(int failures) {
    forgetRetry();
    long nanos = profile.connectRetry().toNanos();
    long backedOff = Math.min(nanos << Math.min(failures, 6), LONGEST_RETRY.toNanos());
    long wait = Math.max(jittered(Math.max(nanos, backedOff)), idleFor.toNanos());
    idleFor = Duration.ZERO;
    retry = context.loop().after(Duration.ofNanos(wait), () -> feed(new RetryTime()));
  }

  private void forgetRetry() {
    if (retry != null) {
      retry.cancel();
      retry = null;
    }
  }

  /// Three quarters of it to all (RFC 4271 10).
  private static long jittered(long nanos) {
    return nanos * 3 / 4 + ThreadLocalRandom.current().nextLong(Math.max(1, nanos / 4));
  }

  // ---- watching

  /// Looks at a connection again and again until it is gone: silence, or a neighbour that takes
  /// nothing.
  private void watch(PeerLink link) {
    if (links.get(link.number()) != link) {
      return;
    }
    long hold = OPEN_PATIENCE.toNanos();
    Link known = machine.links().get(link.number());
    if (link.agreement() != null && known != null) {
      long agreed = link.agreement().holdSeconds() * 1_000_000_000L;
      hold = agreed == 0 && known.state() != SessionState.ESTABLISHED ? hold : agreed;
    }
    if (hold > 0 && link.silentNanos() >= hold) {
      feed(
          new Fault(
              link.number(), Notification.of(Notification.HOLD_TIMER, 0), "hold timer expired"));
      return;
    }
    if (link.stuckNanos() > Math.max(SHORTEST_SEND_HOLD, 2 * hold)) {
      feed(
          new Fault(
              link.number(),
              Notification.of(Notification.SEND_HOLD_TIMER, 0),
              "the neighbour takes nothing"));
      return;
    }
    long next = hold == 0 ? OPEN_PATIENCE.toNanos() : hold - link.silentNanos();
    // The agreement may come any moment and shorten the wait.
    next = Math.clamp(next, 10_000_000L, 1_000_000_000L);
    context.loop().after(Duration.ofNanos(next), () -> watch(link));
  }

  // ---- routes out

  /// Tells what waits, if it may.
  void flush() {
    if (context.settled()) {
      routes.flush(() -> context.loop().post(this::flush));
    }
  }

  /// Flushes once what is going on is done.
  void flushSoon() {
    if (!flushPosted && routes.established()) {
      flushPosted = true;
      context
          .loop()
          .post(() -> {
            flushPosted = false;
            flush();
          });
    }
  }

  private Open ourOpen() {
    BgpSettings settings = context.settings();
    List<Capability> capabilities = new ArrayList<>();
    for (IpFamily family : IpFamily.values()) {
      if (profile.families().contains(family)) {
        capabilities.add(new Capability.MultiProtocol(family));
      }
    }
    capabilities.add(new Capability.RouteRefresh());
    capabilities.add(new Capability.EnhancedRouteRefresh());
    capabilities.add(new Capability.FourOctetAs(settings.localAs()));
    capabilities.add(new Capability.ExtendedMessages());
    if (profile.families().contains(IpFamily.IPV4) && address.family() == IpFamily.IPV6) {
      capabilities.add(new Capability.ExtendedNextHop());
    }
    capabilities.add(ourRestart(settings));
    return new Open(
        settings.localAs(),
        (int) profile.holdTime().toSeconds(),
        settings.routerId(),
        capabilities);
  }

  /// What the kernel forwards has been preserved if we only lost the session, and if somebody says
  /// that our former life's routes are still there.
  private Capability ourRestart(BgpSettings settings) {
    int seconds = (int) settings.gracefulRestart().restartTime().toSeconds();
    Map<IpFamily, Boolean> preserved = new EnumMap<>(IpFamily.class);
    if (seconds > 0) {
      boolean kept = settings.gracefulRestart().restarting() || routes.sessions() > 0;
      profile.families().forEach(family -> preserved.put(family, kept));
    }
    return new Capability.GracefulRestart(context.restarting(), seconds, preserved);
  }

  private boolean external() {
    return profile.remoteAs() != context.settings().localAs();
  }

  PeerStatus status() {
    Optional<PeerStatus.Ends> ends = Optional.empty();
    if (state == SessionState.ESTABLISHED && !links.isEmpty()) {
      BgpTransport.Connection connection = links.values().iterator().next().connection();
      ends = Optional.of(new PeerStatus.Ends(connection.local(), connection.remote()));
    }
    return new PeerStatus(
        address,
        profile.remoteAs(),
        dynamic,
        state,
        since,
        whyDown,
        routes.remoteId(),
        ends,
        routes.holdTime(),
        routes.capabilities(),
        routes.families(),
        routes.sessions(),
        routes.messages());
  }
}
