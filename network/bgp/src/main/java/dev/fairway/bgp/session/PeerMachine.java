// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp.session;

import dev.fairway.bgp.session.Link.Direction;
import dev.fairway.bgp.session.SessionAction.AbandonConnect;
import dev.fairway.bgp.session.SessionAction.Close;
import dev.fairway.bgp.session.SessionAction.Connect;
import dev.fairway.bgp.session.SessionAction.Down;
import dev.fairway.bgp.session.SessionAction.ForgetRetry;
import dev.fairway.bgp.session.SessionAction.Refuse;
import dev.fairway.bgp.session.SessionAction.Retry;
import dev.fairway.bgp.session.SessionAction.SendKeepalives;
import dev.fairway.bgp.session.SessionAction.SendOpen;
import dev.fairway.bgp.session.SessionAction.Up;
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
import dev.fairway.bgp.wire.Capability.GracefulRestart;
import dev.fairway.bgp.wire.Message.Open;
import dev.fairway.bgp.wire.Notification;
import dev.fairway.net.IpAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// One neighbour's state (RFC 4271 8.2.2, 6.8; RFC 4724 5).
///
/// ```
/// Idle --Start--> Active/Connect --Connected|Accepted--> OpenSent --OpenCame--> OpenConfirm
///      --KeepaliveCame--> Established
/// any --Fault|Broke|NotificationCame--> Active (connects again after a while)
/// any --Stop--> Idle
/// ```
///
/// @param rules who both sides are
/// @param enabled whether the session should be up
/// @param connecting whether a connect is under way
/// @param links open connections by number, at most three
/// @param failures how many sessions in a row ended by an error
public record PeerMachine(
    Rules rules, boolean enabled, boolean connecting, Map<Integer, Link> links, int failures) {
  private static final int MOST_LINKS = 3;
  private static final int MOST_FAILURES = 16;

  /// What does not change while a neighbour is configured.
  ///
  /// @param localAs ours
  /// @param localId ours
  /// @param passive whether we never connect
  public record Rules(long localAs, IpAddress localId, boolean passive) {}

  /// The next state and what is to be done, in this order.
  public record Outcome(PeerMachine next, List<SessionAction> actions) {}

  public PeerMachine {
    links = Map.copyOf(links);
  }

  /// A neighbour that is not started.
  public static PeerMachine idle(Rules rules) {
    return new PeerMachine(rules, false, false, Map.of(), 0);
  }

  /// How far the session has come: as far as its best connection.
  public SessionState state() {
    SessionState best =
        connecting ? SessionState.CONNECT : enabled ? SessionState.ACTIVE : SessionState.IDLE;
    for (Link link : links.values()) {
      best = link.state().compareTo(best) > 0 ? link.state() : best;
    }
    return best;
  }

  /// The next state and what is to be done.
  public Outcome on(SessionEvent event) {
    return new Step(this).on(event);
  }

  /// One transition in the making.
  private static final class Step {
    private final Rules rules;
    private boolean enabled;
    private boolean connecting;
    private int failures;
    private final Map<Integer, Link> links;
    private final List<SessionAction> actions = new ArrayList<>();

    Step(PeerMachine from) {
      rules = from.rules;
      enabled = from.enabled;
      connecting = from.connecting;
      failures = from.failures;
      links = new TreeMap<>(from.links);
    }

    Outcome on(SessionEvent event) {
      switch (event) {
        case Start() -> start();
        case Stop stop -> stop(stop);
        case RetryTime() -> connect();
        case Connected(int number) -> opened(number, Direction.OUTGOING);
        case ConnectFailed(String _) -> connectFailed();
        case Accepted(int number) -> opened(number, Direction.INCOMING);
        case OpenCame(int number, Open open) -> openCame(number, open);
        case KeepaliveCame(int number) -> keepaliveCame(number);
        case RoutesCame(int number) -> routesCame(number);
        case NotificationCame(int number, Notification notification) -> {
          boolean collision =
              notification.code() == Notification.CEASE
                  && notification.subcode() == Notification.COLLISION;
          if (links.containsKey(number)) {
            actions.add(new Close(number));
            lost(number, "the neighbour said: " + notification, false, !collision);
          }
        }
        case Broke(int number, String why) -> {
          if (links.containsKey(number)) {
            actions.add(new Close(number));
            lost(number, why, true, false);
          }
        }
        case Fault(int number, Notification notification, String why) -> {
          if (links.containsKey(number)) {
            actions.add(new Refuse(number, notification));
            lost(number, why, false, true);
          }
        }
      }
      return new Outcome(new PeerMachine(rules, enabled, connecting, links, failures), actions);
    }

    private void start() {
      if (!enabled) {
        enabled = true;
        failures = 0;
        connect();
      }
    }

    private void stop(Stop stop) {
      boolean wasUp = established();
      for (int number : links.keySet()) {
        actions.add(
            stop.notification().isPresent()
                ? new Refuse(number, stop.notification().get())
                : new Close(number));
      }
      links.clear();
      if (wasUp) {
        actions.add(new Down(stop.why(), stop.graceful()));
      }
      if (connecting) {
        actions.add(new AbandonConnect());
      }
      actions.add(new ForgetRetry());
      connecting = false;
      enabled = false;
    }

    private void connect() {
      if (enabled && !rules.passive && !connecting && links.isEmpty()) {
        connecting = true;
        actions.add(new Connect());
      }
    }

    private void connectFailed() {
      connecting = false;
      retryIfAlone();
    }

    private void opened(int number, Direction direction) {
      if (direction == Direction.OUTGOING) {
        connecting = false;
      }
      if (!enabled) {
        actions.add(
            new Refuse(
                number, Notification.of(Notification.CEASE, Notification.CONNECTION_REJECTED)));
      } else if (links.size() >= MOST_LINKS || (direction == Direction.OUTGOING && established())) {
        actions.add(new Refuse(number, collision()));
      } else {
        links.put(number, Link.opened(direction));
        actions.add(new SendOpen(number));
      }
    }

    private void openCame(int number, Open open) {
      Link link = links.get(number);
      if (link == null) {
        return;
      }
      if (link.state() != SessionState.OPEN_SENT) {
        unexpected(number, link.state(), "OPEN");
        return;
      }
      for (Map.Entry<Integer, Link> other : List.copyOf(links.entrySet())) {
        if (other.getKey() == number || other.getValue().state() == SessionState.OPEN_SENT) {
          continue;
        }
        if (other.getValue().state() == SessionState.ESTABLISHED) {
          if (!restarting(open)) {
            actions.add(new Refuse(number, collision()));
            links.remove(number);
            return;
          }
          // It has restarted and we have not noticed yet (RFC 4724 5).
          actions.add(new Close(other.getKey()));
          actions.add(new Down("the neighbour has restarted", true));
          links.remove(other.getKey());
        } else if (survives(link, other.getValue(), open)) {
          actions.add(new Refuse(other.getKey(), collision()));
          links.remove(other.getKey());
        } else {
          actions.add(new Refuse(number, collision()));
          links.remove(number);
          return;
        }
      }
      links.put(
          number,
          new Link(link.direction(), SessionState.OPEN_CONFIRM, java.util.Optional.of(open)));
      actions.add(new SendKeepalives(number));
    }

    /// The side with the higher identifier keeps what it opened; of two that one side opened, the
    /// later one counts (RFC 4271 6.8, RFC 6286 2.3).
    private boolean survives(Link link, Link other, Open open) {
      if (link.direction() == other.direction()) {
        return true;
      }
      int order = rules.localId.compareTo(open.id());
      if (order == 0) {
        order = Long.compare(rules.localAs, open.as());
      }
      return (link.direction() == Direction.OUTGOING) == order > 0;
    }

    private void keepaliveCame(int number) {
      Link link = links.get(number);
      if (link == null || link.state() == SessionState.ESTABLISHED) {
        return;
      }
      if (link.state() != SessionState.OPEN_CONFIRM) {
        unexpected(number, link.state(), "KEEPALIVE");
        return;
      }
      for (int other : List.copyOf(links.keySet())) {
        if (other != number) {
          actions.add(new Refuse(other, collision()));
          links.remove(other);
        }
      }
      if (connecting) {
        connecting = false;
        actions.add(new AbandonConnect());
      }
      links.put(number, new Link(link.direction(), SessionState.ESTABLISHED, link.open()));
      actions.add(new ForgetRetry());
      actions.add(new Up(number, link.open().orElseThrow()));
      failures = 0;
    }

    private void routesCame(int number) {
      Link link = links.get(number);
      if (link != null && link.state() != SessionState.ESTABLISHED) {
        unexpected(number, link.state(), "UPDATE or ROUTE-REFRESH");
      }
    }

    /// Subcodes of RFC 6608.
    private void unexpected(int number, SessionState state, String what) {
      int subcode =
          switch (state) {
            case OPEN_SENT -> 1;
            case OPEN_CONFIRM -> 2;
            case ESTABLISHED -> 3;
            case IDLE, CONNECT, ACTIVE -> 0;
          };
      actions.add(new Refuse(number, Notification.of(Notification.STATE_MACHINE, subcode)));
      lost(number, what + " in state " + state, false, true);
    }

    private void lost(int number, String why, boolean graceful, boolean error) {
      Link link = links.remove(number);
      if (link != null && link.state() == SessionState.ESTABLISHED) {
        actions.add(new Down(why, graceful));
      }
      if (error) {
        failures = Math.min(failures + 1, MOST_FAILURES);
      }
      retryIfAlone();
    }

    private void retryIfAlone() {
      if (enabled && !rules.passive && links.isEmpty() && !connecting) {
        actions.add(new Retry(failures));
      }
    }

    private boolean established() {
      return links.values().stream().anyMatch(link -> link.state() == SessionState.ESTABLISHED);
    }

    private static boolean restarting(Open open) {
      return open.capabilities().stream()
          .anyMatch(c -> c instanceof GracefulRestart restart && restart.restarting());
    }

    private static Notification collision() {
      return Notification.of(Notification.CEASE, Notification.COLLISION);
    }
  }
}
