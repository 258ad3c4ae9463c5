// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.policy;

import dev.fairway.linux.Conntrack;
import dev.fairway.linux.KernelException;
import dev.fairway.linux.LinkAddress;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.RouteNetlink;
import dev.fairway.net.Bypass;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Protocol;
import dev.fairway.net.TransportAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import java.util.function.Predicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The open connections of a node's pods, as connection tracking knows them. Not for several
/// threads.
final class Connections implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Connections.class);
  private static final int ATTEMPTS = 5;

  /// As long as the kernel keeps an established connection that is silent.
  private static final Duration KEPT = Duration.ofDays(5);

  private final Conntrack conntrack;
  private final RouteNetlink netlink;

  private Connections(Conntrack conntrack, RouteNetlink netlink) {
    this.conntrack = conntrack;
    this.netlink = netlink;
  }

  static Connections open(NetworkNamespace machine) {
    return new Connections(Conntrack.open(machine), RouteNetlink.open(machine));
  }

  /// Makes connections known to the stack, each with its client as who began it. What the stack has
  /// taken up at an answer is forgotten for that; the next answer may be there before us.
  void makeKnown(List<Bypass.Begun> connections) {
    List<Bypass.Begun> rest = connections;
    try {
      for (int attempt = 0; attempt < ATTEMPTS && !rest.isEmpty(); attempt++) {
        List<Bypass.Begun> there = new ArrayList<>();
        for (Bypass.Begun one : rest) {
          if (!conntrack.addEstablished(one.client(), one.server(), KEPT)) {
            there.add(one);
          }
        }
        Set<Bypass.Begun> begun = new HashSet<>(there);
        Set<IpFamily> ofFamilies = EnumSet.noneOf(IpFamily.class);
        there.forEach(one -> ofFamilies.add(one.client().address().family()));
        int reversed = 0;
        for (IpFamily family : ofFamilies) {
          reversed +=
              conntrack.deleteIf(
                  family,
                  flow ->
                      flow.protocol() == Protocol.TCP.number()
                          && begun.contains(new Bypass.Begun(flow.answerFrom(), flow.client())));
        }
        rest = reversed == 0 ? List.of() : there;
      }
    } catch (KernelException e) {
      LOG.warn("connections that are allowed may be cut: {}", e.getMessage());
    }
  }

  /// Forgets connections that are not allowed, so that their next packet is judged anew.
  ///
  /// @param begun what was begun past the stack, by who began it
  /// @param quick whether one that is missed is found later
  /// @return whether none can have been missed
  boolean cut(PolicyRules rules, List<Bypass.Begun> begun, boolean quick) {
    try {
      Set<IpAddress> own = new HashSet<>();
      for (LinkAddress address : netlink.addresses()) {
        own.add(address.address());
      }
      Set<Bypass.Begun> directions = new HashSet<>(begun);
      Predicate<Conntrack.Flow> denied = flow -> isDenied(rules, flow, own, directions);
      OptionalInt seen = quick ? conntrack.deleteIfSeen(denied) : OptionalInt.empty();
      int count = seen.orElseGet(() -> conntrack.deleteIf(denied));
      if (count > 0) {
        LOG.info("cut {} connections that policies do not allow any more", count);
      }
      return seen.isEmpty();
    } catch (KernelException e) {
      LOG.warn("cannot cut connections that are not allowed any more: {}", e.getMessage());
      return false;
    }
  }

  private static boolean isDenied(
      PolicyRules rules, Conntrack.Flow flow, Set<IpAddress> own, Set<Bypass.Begun> begun) {
    TransportAddress one = flow.client();
    TransportAddress other = flow.answerFrom();
    // Taken up by the stack in its middle, at an answer?
    boolean reversed = begun.contains(new Bypass.Begun(other, one));
    TransportAddress client = reversed ? other : one;
    TransportAddress server = reversed ? one : other;
    return !own.contains(client.address()) && !isAllowed(rules, flow.protocol(), client, server);
  }

  static boolean isAllowed(
      PolicyRules rules, int protocol, TransportAddress client, TransportAddress server) {
    for (Protocol known : Protocol.values()) {
      if (known.number() == protocol) {
        return rules
            .decide(new Packet(client.address(), server.address(), known, server.port()))
            .isEmpty();
      }
    }
    return true;
  }

  @Override
  public void close() {
    conntrack.close();
    netlink.close();
  }
}
