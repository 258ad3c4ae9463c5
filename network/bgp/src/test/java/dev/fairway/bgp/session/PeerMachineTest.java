// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp.session;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.bgp.session.PeerMachine.Outcome;
import dev.fairway.bgp.session.PeerMachine.Rules;
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
import dev.fairway.bgp.wire.Capability;
import dev.fairway.bgp.wire.Message.Open;
import dev.fairway.bgp.wire.Notification;
import dev.fairway.net.IpAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;

/// The state machine as conversations: events, and what is done at each.
class PeerMachineTest {
  private static final Notification COLLISION =
      Notification.of(Notification.CEASE, Notification.COLLISION);

  private PeerMachine machine = machine("10.0.0.5", false);

  private static PeerMachine machine(String id, boolean passive) {
    return PeerMachine.idle(new Rules(65001, IpAddress.parse(id), passive));
  }

  private static Open open(String id) {
    return new Open(65002, 90, IpAddress.parse(id), List.of());
  }

  private static Open restarted(String id) {
    return new Open(
        65002,
        90,
        IpAddress.parse(id),
        List.of(new Capability.GracefulRestart(true, 120, Map.of())));
  }

  private void then(SessionEvent event, SessionState state, SessionAction... actions) {
    Outcome outcome = machine.on(event);
    machine = outcome.next();
    assertThat(outcome.actions()).as(event.toString()).containsExactly(actions);
    assertThat(machine.state()).as(event.toString()).isEqualTo(state);
  }

  private void establish(int link) {
    then(new Start(), SessionState.CONNECT, new Connect());
    then(new Connected(link), SessionState.OPEN_SENT, new SendOpen(link));
    then(new OpenCame(link, open("10.0.0.2")), SessionState.OPEN_CONFIRM, new SendKeepalives(link));
    then(
        new KeepaliveCame(link),
        SessionState.ESTABLISHED,
        new ForgetRetry(),
        new Up(link, open("10.0.0.2")));
  }

  @Test
  void upAndDownByTheNeighbour() {
    establish(1);
    then(new KeepaliveCame(1), SessionState.ESTABLISHED);
    then(new RoutesCame(1), SessionState.ESTABLISHED);
    Notification bye = Notification.of(Notification.CEASE, 2);
    then(
        new NotificationCame(1, bye),
        SessionState.ACTIVE,
        new Close(1),
        new Down("the neighbour said: Cease, Administrative Shutdown", false),
        new Retry(1));
    then(new RetryTime(), SessionState.CONNECT, new Connect());
    then(new ConnectFailed("refused"), SessionState.ACTIVE, new Retry(1));
  }

  @Test
  void aBrokenConnectionIsGraceful() {
    establish(1);
    then(
        new Broke(1, "reset"),
        SessionState.ACTIVE,
        new Close(1),
        new Down("reset", true),
        new Retry(0));
    then(new Broke(1, "again"), SessionState.ACTIVE);
  }

  @Test
  void aFaultIsNot() {
    establish(1);
    Notification expired = Notification.of(Notification.HOLD_TIMER, 0);
    then(
        new Fault(1, expired, "silence"),
        SessionState.ACTIVE,
        new Refuse(1, expired),
        new Down("silence", false),
        new Retry(1));
  }

  @Test
  void stoppedInEveryState() {
    Stop stop = new Stop(Optional.of(COLLISION), "enough", false);
    then(stop, SessionState.IDLE, new ForgetRetry());
    then(new Start(), SessionState.CONNECT, new Connect());
    then(stop, SessionState.IDLE, new AbandonConnect(), new ForgetRetry());
    establish(3);
    then(
        stop,
        SessionState.IDLE,
        new Refuse(3, COLLISION),
        new Down("enough", false),
        new ForgetRetry());
    then(
        new Accepted(4),
        SessionState.IDLE,
        new Refuse(4, Notification.of(Notification.CEASE, Notification.CONNECTION_REJECTED)));
  }

  @Test
  void messagesOutOfTurn() {
    then(new Start(), SessionState.CONNECT, new Connect());
    then(new Connected(1), SessionState.OPEN_SENT, new SendOpen(1));
    then(
        new KeepaliveCame(1),
        SessionState.ACTIVE,
        new Refuse(1, Notification.of(Notification.STATE_MACHINE, 1)),
        new Retry(1));
    then(new RetryTime(), SessionState.CONNECT, new Connect());
    then(new Connected(2), SessionState.OPEN_SENT, new SendOpen(2));
    then(new OpenCame(2, open("10.0.0.2")), SessionState.OPEN_CONFIRM, new SendKeepalives(2));
    then(
        new RoutesCame(2),
        SessionState.ACTIVE,
        new Refuse(2, Notification.of(Notification.STATE_MACHINE, 2)),
        new Retry(2));
    establishAgain(3);
    then(
        new OpenCame(3, open("10.0.0.2")),
        SessionState.ACTIVE,
        new Refuse(3, Notification.of(Notification.STATE_MACHINE, 3)),
        new Down("OPEN in state Established", false),
        new Retry(1));
  }

  private void establishAgain(int link) {
    machine = machine.on(new RetryTime()).next();
    machine = machine.on(new Connected(link)).next();
    machine = machine.on(new OpenCame(link, open("10.0.0.2"))).next();
    machine = machine.on(new KeepaliveCame(link)).next();
    assertThat(machine.state()).isEqualTo(SessionState.ESTABLISHED);
  }

  @Test
  void collisionWeWin() {
    then(new Start(), SessionState.CONNECT, new Connect());
    then(new Accepted(1), SessionState.OPEN_SENT, new SendOpen(1));
    then(new Connected(2), SessionState.OPEN_SENT, new SendOpen(2));
    then(new OpenCame(1, open("10.0.0.2")), SessionState.OPEN_CONFIRM, new SendKeepalives(1));
    then(
        new OpenCame(2, open("10.0.0.2")),
        SessionState.OPEN_CONFIRM,
        new Refuse(1, COLLISION),
        new SendKeepalives(2));
  }

  @Test
  void collisionTheyWin() {
    then(new Start(), SessionState.CONNECT, new Connect());
    then(new Accepted(1), SessionState.OPEN_SENT, new SendOpen(1));
    then(new Connected(2), SessionState.OPEN_SENT, new SendOpen(2));
    then(new OpenCame(1, open("10.0.0.9")), SessionState.OPEN_CONFIRM, new SendKeepalives(1));
    then(new OpenCame(2, open("10.0.0.9")), SessionState.OPEN_CONFIRM, new Refuse(2, COLLISION));
  }

  @Test
  void anEstablishedOneWins() {
    establish(1);
    then(new Accepted(2), SessionState.ESTABLISHED, new SendOpen(2));
    then(new OpenCame(2, open("10.0.0.9")), SessionState.ESTABLISHED, new Refuse(2, COLLISION));
  }

  @Test
  void unlessTheNeighbourHasRestarted() {
    establish(1);
    then(new Accepted(2), SessionState.ESTABLISHED, new SendOpen(2));
    then(
        new OpenCame(2, restarted("10.0.0.9")),
        SessionState.OPEN_CONFIRM,
        new Close(1),
        new Down("the neighbour has restarted", true),
        new SendKeepalives(2));
  }

  @Test
  void passiveNeverConnects() {
    machine = machine("10.0.0.5", true);
    then(new Start(), SessionState.ACTIVE);
    then(new RetryTime(), SessionState.ACTIVE);
    then(new Accepted(1), SessionState.OPEN_SENT, new SendOpen(1));
    then(new Broke(1, "gone"), SessionState.ACTIVE, new Close(1));
  }

  /// Whatever happens in whatever order: at most one session, every Up is followed by a Down before
  /// the next, and no more connections than three.
  @Test
  void anyOrder() {
    Random random = new Random(7606);
    for (int round = 0; round < 2000; round++) {
      PeerMachine any = machine("10.0.0.5", random.nextInt(5) == 0);
      boolean up = false;
      int links = 0;
      List<Integer> known = new ArrayList<>(List.of(0));
      for (int step = 0; step < 40; step++) {
        int link = known.get(random.nextInt(known.size()));
        String id = random.nextBoolean() ? "10.0.0.2" : "10.0.0.9";
        SessionEvent event =
            switch (random.nextInt(12)) {
              case 0 -> new Stop(Optional.empty(), "stop", random.nextBoolean());
              case 1 -> new RetryTime();
              case 2 -> new ConnectFailed("refused");
              case 3 -> new Accepted(++links);
              case 4 -> any.connecting() ? new Connected(++links) : new Start();
              case 5, 6 -> new OpenCame(link, random.nextInt(4) == 0 ? restarted(id) : open(id));
              case 7, 8 -> new KeepaliveCame(link);
              case 9 -> new RoutesCame(link);
              case 10 -> new Broke(link, "broke");
              default -> new NotificationCame(link, COLLISION);
            };
        if (event instanceof Accepted || event instanceof Connected) {
          known.add(links);
        }
        Outcome outcome = any.on(event);
        any = outcome.next();
        for (SessionAction action : outcome.actions()) {
          if (action instanceof Up) {
            assertThat(up).isFalse();
            up = true;
          } else if (action instanceof Down) {
            assertThat(up).isTrue();
            up = false;
          }
        }
        assertThat(any.state() == SessionState.ESTABLISHED).isEqualTo(up);
        assertThat(any.links().size()).isLessThanOrEqualTo(3);
      }
    }
  }
}
