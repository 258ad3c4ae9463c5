// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.bgp;

import dev.fairway.bgp.BgpSpeaker;
import dev.fairway.bgp.GuardedTransport;
import dev.fairway.bgp.PeerStatus;
import dev.fairway.bgp.RoutesDelta;
import dev.fairway.bgp.bfd.BfdSpeaker;
import dev.fairway.bgp.bfd.BfdStatus;
import dev.fairway.linux.KernelException;
import dev.fairway.linux.LinkAddress;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.RouteNetlink;
import dev.fairway.linux.Scope;
import dev.fairway.linux.Sysctls;
import dev.fairway.net.Prefix;
import dev.fairway.podnet.bgp.BgpPlan.MachineAddress;
import dev.fairway.podnet.bgp.BgpPlan.Situation;
import dev.fairway.podnet.nodes.ClusterNode;
import dev.fairway.podnet.settings.PodNetworkSettings;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// One node's speaker with its routes, while the settings want it: see [BgpBackend]. Closing it
/// leaves the routes where they are.
public final class BgpNetwork implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(BgpNetwork.class);

  private final NetworkNamespace machine;
  private final KernelRoutes routes;
  private final boolean restarting;
  private final GuardedTransport transport;
  private final BgpSpeaker speaker;
  private final ExecutorService deaths =
      Executors.newSingleThreadExecutor(
          Thread.ofPlatform().name("bgp-deaths").daemon(true).factory());
  private @Nullable BfdSpeaker bfd;
  private final Runnable changed;
  private volatile List<String> problems = List.of();
  private volatile List<ClusterNode> others = List.of();
  private volatile boolean settled;
  private Set<String> reached = Set.of();

  private BgpNetwork(NetworkNamespace machine, Runnable changed) {
    this.machine = machine;
    this.changed = changed;
    routes = new KernelRoutes(machine);
    restarting = routes.hasStale();
    transport = new GuardedTransport(machine);
    speaker = BgpSpeaker.start(transport, this::learned);
  }

  /// On the speaker's own thread for it.
  private void learned(RoutesDelta delta) {
    routes.apply(delta);
    Set<String> now = new HashSet<>();
    for (ClusterNode other : others) {
      if (reaches(other.ranges())) {
        now.add(other.name());
      }
    }
    boolean tell = !now.equals(reached) || settled != delta.settled();
    reached = now;
    settled = delta.settled();
    if (tell) {
      changed.run();
    }
  }

  /// Starts a speaker that knows nobody yet, and takes over routes of a former one.
  ///
  /// @param machine the namespace it works in; the handle stays the caller's and must stay open
  public static BgpNetwork start(NetworkNamespace machine) {
    return start(machine, () -> {});
  }

  /// As [#start(NetworkNamespace)].
  ///
  /// @param changed as of [BgpBackend]
  static BgpNetwork start(NetworkNamespace machine, Runnable changed) {
    // Connections share several ways by both ends' addresses and ports, not by addresses alone.
    Sysctls.write(machine, Map.of("net.ipv4.fib_multipath_hash_policy", "1"));
    if (Files.isDirectory(Path.of("/proc/sys/net/ipv6"))) {
      Sysctls.write(machine, Map.of("net.ipv6.fib_multipath_hash_policy", "1"));
    }
    return new BgpNetwork(machine, changed);
  }

  /// Removes what a former speaker left, when there is to be none.
  static void sweep(NetworkNamespace machine) {
    try (KernelRoutes routes = new KernelRoutes(machine)) {
      if (routes.hasStale()) {
        routes.apply(new dev.fairway.bgp.RoutesDelta(List.of(), List.of(), true, true));
      }
    }
  }

  /// What is wanted from now on. Sessions that stay as they were go on.
  ///
  /// @param passwords of peers, by the name of their Secret
  /// @param underlay name of the link to other machines; its addresses are spoken from
  /// @throws IOException if a part cannot be had; the rest is in effect
  public synchronized void set(
      ClusterNode me,
      List<ClusterNode> newOthers,
      PodNetworkSettings settings,
      Map<String, String> passwords,
      String underlay)
      throws IOException {
    others = List.copyOf(newOthers);
    BgpPlan plan =
        BgpPlan.of(new Situation(me, others, settings, addresses(underlay), passwords, restarting));
    problems = plan.problems();
    try {
      if (bfd == null && !plan.bfd().isEmpty()) {
        bfd = BfdSpeaker.start(machine, this::watched);
      }
      if (bfd != null) {
        bfd.set(plan.bfd());
      }
    } catch (KernelException e) {
      throw new IOException("BFD: " + e.getMessage(), e);
    } finally {
      speaker.set(plan.speaker());
    }
  }

  private List<MachineAddress> addresses(String underlay) {
    List<MachineAddress> found = new ArrayList<>();
    try (RouteNetlink netlink = RouteNetlink.open(machine)) {
      int index = netlink.link(underlay).map(link -> link.index()).orElse(0);
      for (LinkAddress own : netlink.addresses()) {
        if (own.link() == index && own.scope() == Scope.UNIVERSE) {
          Prefix network = new Prefix(own.address(), own.prefixLength());
          found.add(new MachineAddress(own.address(), network));
        }
      }
    }
    return found;
  }

  private void watched(BfdStatus status) {
    if (status.dead()) {
      long heard = System.nanoTime();
      deaths.execute(() -> {
        try {
          routes.dead(status.peer());
        } catch (KernelException e) {
          LOG.warn("BGP peer {} is dead, but: {}", status.peer(), e.getMessage());
        }
        speaker.peerDown(status.peer(), "BFD: " + status.diagnostic());
        LOG.debug(
            "BGP peer {} was avoided after {} us",
            status.peer(),
            (System.nanoTime() - heard) / 1000);
      });
    }
  }

  /// Looks after the kernel, for what others changed in it.
  public void check() {
    routes.check();
  }

  /// Neighbours as they are now.
  public List<PeerStatus> peers() {
    try {
      return speaker.peers();
    } catch (IllegalStateException e) {
      return List.of(); // closed meanwhile
    }
  }

  /// Who is watched by BFD.
  public synchronized List<BfdStatus> watchedPeers() {
    return bfd == null ? List.of() : bfd.peers();
  }

  /// Prefixes that neighbours told and the kernel knows.
  public List<Prefix> prefixes() {
    return routes.prefixes();
  }

  /// Whether the kernel has ways to all of these.
  boolean reaches(List<Prefix> ranges) {
    return routes.has(ranges);
  }

  /// How many routes of neighbours the kernel has.
  public int routeCount() {
    return routes.size();
  }

  /// Neighbours that were left out and routes that have no way, and why.
  public List<String> problems() {
    List<String> all = new ArrayList<>(problems);
    all.addAll(routes.problems());
    return all;
  }

  /// Ends for a restart: neighbours are left in the belief that the next one comes soon.
  @Override
  public synchronized void close() {
    if (bfd != null) {
      bfd.close();
    }
    speaker.closeForRestart();
    finish();
  }

  /// Ends for good: neighbours are told so, and what they told is removed.
  public synchronized void leave() {
    if (bfd != null) {
      bfd.close();
    }
    speaker.close();
    try {
      routes.apply(new RoutesDelta(List.of(), List.of(), true, true));
    } finally {
      finish();
    }
  }

  private void finish() {
    deaths.shutdown();
    try {
      if (!deaths.awaitTermination(5, TimeUnit.SECONDS)) {
        LOG.warn("A change of routes is still under way");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    transport.close();
    routes.close();
  }
}
