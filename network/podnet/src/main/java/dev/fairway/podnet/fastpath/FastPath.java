// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.fastpath;

import dev.fairway.linux.KernelException;
import dev.fairway.linux.Link;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.Route;
import dev.fairway.linux.RouteNetlink;
import dev.fairway.linux.bpf.BpfCode;
import dev.fairway.linux.bpf.BpfProgram;
import dev.fairway.net.Bypass;
import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import dev.fairway.podnet.attach.PodLink;
import dev.fairway.podnet.attach.PodWatcher;
import dev.fairway.podnet.attach.Wire;
import dev.fairway.podnet.fastpath.FastPathCode.Side;
import dev.fairway.podnet.fastpath.FastPathMaps.Receiver;
import dev.fairway.podnet.forwarding.ForwardingState;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Keeps the programs on the links of all pods and on those to other nodes, and their maps as the
/// pods are, on a thread of its own.
public final class FastPath implements PodWatcher, Bypass, AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(FastPath.class);
  private static final String NAME = "fairway_pods";
  private static final String ARRIVALS_NAME = "fairway_nodes";
  private static final BpfProgram.Kind KIND = BpfProgram.Kind.LINK_INGRESS;

  /// To attach stops all changes of links for a while, so it waits until none are made, but not for
  /// ever.
  private static final Duration QUIET = Duration.ofMillis(50);

  private static final Duration AT_MOST = Duration.ofSeconds(1);

  /// How long an earlier agent's programs take to be replaced, at most.
  private static final Duration SETTLING = Duration.ofSeconds(5);

  /// What a plugin behind ours in the chain does to a link is seen by looking again.
  private static final Duration SECOND_LOOK = Duration.ofSeconds(1);

  private final NetworkNamespace machine;
  private final RouteNetlink netlink;
  private final Thread worker;

  // All below are guarded by this, but for the programs.
  private final LinkPrograms programs;
  private final MapEntries entries = new MapEntries();

  /// Addresses of pods that are being disconnected, with the link that each had (0 if unknown): the
  /// kernel shows them there for a while yet.
  private final Map<IpAddress, Integer> gone = new HashMap<>();

  private Set<IpAddress> needStack = Set.of();
  private boolean held;

  /// Whether programs of an earlier agent are replaced or gone.
  private boolean settled;

  private Mode mode;
  private Mode tried = new Mode(false); // by the worker only
  private Optional<Loaded> loaded = Optional.empty();
  private String why = "";
  private long changed = System.nanoTime();
  private long looked = changed;
  private boolean wanted = true;

  /// How many looks have begun, and which of them was the last to end well.
  private long begunLooks;

  private long doneLook;
  private boolean closed;

  /// @param program for pods' links
  /// @param arrivals for the links to other nodes
  private record Loaded(Mode mode, FastPathMaps maps, BpfProgram program, BpfProgram arrivals) {
    void close() {
      program.close();
      arrivals.close();
      maps.close();
    }
  }

  /// What is wanted.
  ///
  /// @param on false to take off what an earlier agent put on
  public record Mode(boolean on) {}

  /// What is so now.
  ///
  /// @param on whether pods can reach one another directly
  /// @param why not, where it is off
  /// @param links that carry the program
  /// @param packets by where they went
  public record Status(boolean on, String why, int links, Map<Outcome, Long> packets) {}

  /// Starts on a machine, with what an earlier agent left there.
  ///
  /// @param machine the namespace of the pods' links; stays the caller's, open for as long as this
  public FastPath(NetworkNamespace machine, Mode mode) {
    this(machine, mode, false);
  }

  /// As above.
  ///
  /// @param held whether to leave all as an earlier agent left it until [#keepOff] tells who must
  ///   take the stack
  public FastPath(NetworkNamespace machine, Mode mode, boolean held) {
    this.machine = machine;
    this.mode = mode;
    this.held = held;
    netlink = RouteNetlink.open(machine);
    programs = new LinkPrograms(machine, this::awaitQuiet);
    worker = Thread.ofPlatform().name("fast-path").daemon(true).start(this::run);
  }

  /// Other settings from now on; open connections stay.
  public synchronized void set(Mode wantedMode) {
    if (!mode.equals(wantedMode)) {
      mode = wantedMode;
      resync();
    }
  }

  /// The program that the settings want, in place of the one before. Runs on the worker only.
  private void load() {
    Mode now;
    Optional<Loaded> before;
    synchronized (this) {
      now = mode;
      before = loaded;
    }
    if (before.isPresent() ? before.get().mode.equals(now) : !why.isEmpty() && now.equals(tried)) {
      return;
    }
    tried = now;
    FastPathMaps maps = null;
    Optional<Loaded> next = Optional.empty();
    String reason = "";
    if (!now.on) {
      reason = "switched off";
      LOG.info("Pods of this node reach one another by routes: the fast path is switched off");
    } else {
      try {
        maps = FastPathMaps.create();
        next = Optional.of(load(now, maps));
      } catch (KernelException e) {
        if (maps != null) {
          maps.close();
        }
        reason = String.valueOf(e.getMessage());
        LOG.info(
            "Pods of this node reach one another by routes: this kernel does not take the fast"
                + " path (it needs Linux 6.6 with CONFIG_DEBUG_INFO_BTF and"
                + " CONFIG_NF_CONNTRACK=y): {}",
            reason);
      }
    }
    synchronized (this) {
      loaded = next;
      why = reason;
      programs.forget();
      entries.clear();
    }
    before.ifPresent(kernel -> {
      if (!now.on) {
        FastPathMaps old = kernel.maps; // without receivers it leaves everything to the stack
        old.receivers().keys().forEach(old.receivers()::remove);
        old.podRanges().keys().forEach(old.podRanges()::remove);
        synchronized (this) {
          entries.tell(old);
        }
      }
      kernel.close();
    });
  }

  private static Loaded load(Mode mode, FastPathMaps maps) {
    int seed = ThreadLocalRandom.current().nextInt();
    BpfCode pods = FastPathCode.of(Side.POD, Wire.HOST_MAC, seed);
    BpfCode nodes = FastPathCode.of(Side.NODES, Wire.HOST_MAC, seed);
    Map<String, Integer> functions = BpfProgram.kernelFunctions(pods, nodes);
    BpfProgram.Objects objects = maps.objects();
    BpfProgram program = BpfProgram.load(KIND, NAME, pods, objects, functions);
    try {
      return new Loaded(
          mode, maps, program, BpfProgram.load(KIND, ARRIVALS_NAME, nodes, objects, functions));
    } catch (KernelException e) {
      program.close();
      throw e;
    }
  }

  /// Pods were connected or changed: they will be served soon.
  public synchronized void changed() {
    changed = System.nanoTime();
    wanted = true;
    notifyAll();
  }

  @Override
  public synchronized void connected(Wire wire, int link) {
    wire.addresses().forEach(gone::remove);
    changed();
  }

  @Override
  public void disconnecting(List<IpAddress> addresses) {
    disconnect(addresses);
  }

  /// Somebody may have changed the kernel.
  public synchronized void resync() {
    wanted = true;
    notifyAll();
  }

  /// A pod is disconnected: nothing goes to its addresses directly from now on. Returns when that
  /// is so, so that somebody else may have the addresses then.
  public synchronized void disconnect(Collection<IpAddress> addresses) {
    changed = System.nanoTime();
    boolean any = false;
    for (IpAddress address : addresses) {
      Optional<Receiver> before = entries.remove(address, loaded.map(Loaded::maps));
      gone.put(address, before.map(Receiver::link).orElse(0));
      any |= before.isPresent();
    }
    if (any) {
      loaded.ifPresent(kernel -> entries.tell(kernel.maps));
    }
    wanted = true;
    notifyAll();
  }

  /// All addresses whose packets must take the stack, in both directions. Those that were begun
  /// directly go on by the stack. The first time it waits for programs of an earlier agent, which
  /// would not hear of it, to be replaced.
  public synchronized void needStack(Set<IpAddress> addresses) {
    boolean first = held;
    if (held || !needStack.equals(addresses)) {
      held = false;
      needStack = Set.copyOf(addresses);
      loaded.ifPresent(kernel -> entries.mark(needStack, kernel.maps));
      changed();
    }
    if (first) {
      awaitSettled();
    }
  }

  private synchronized void awaitSettled() {
    long deadline = System.nanoTime() + SETTLING.toNanos();
    try {
      while (!settled && !closed) {
        long left = deadline - System.nanoTime();
        if (left <= 0) {
          LOG.warn(
              "What an earlier agent let pods send directly may go on: it is not replaced yet");
          return;
        }
        wait(Math.max(1, left / 1_000_000));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private synchronized void settle() {
    programs.settle();
    settled = true;
    notifyAll();
  }

  @Override
  public void keepOff(Set<IpAddress> addresses) {
    needStack(addresses);
  }

  @Override
  public synchronized List<Begun> begun() {
    List<Begun> begun = new ArrayList<>(programs.begunEarlier());
    loaded.ifPresent(kernel -> begun.addAll(kernel.maps.begun()));
    return begun;
  }

  /// Waits until all that was asked is done, and all that is in the kernel by now is heeded.
  ///
  /// @return false if it took longer
  public synchronized boolean await(Duration patience) throws InterruptedException {
    // One that goes on already may have read the kernel before.
    long from = begunLooks;
    long deadline = System.nanoTime() + patience.toNanos();
    resync();
    while (doneLook <= from) {
      long left = deadline - System.nanoTime();
      if (left <= 0) {
        return false;
      }
      wait(Math.max(1, left / 1_000_000));
    }
    return true;
  }

  /// How things are.
  public synchronized Status status() {
    Map<Outcome, Long> packets = new EnumMap<>(Outcome.class);
    loaded.ifPresent(kernel -> {
      long[] counts = kernel.maps.outcomes().read();
      for (Outcome outcome : Outcome.values()) {
        packets.put(outcome, counts[outcome.number()]);
      }
    });
    return new Status(loaded.isPresent(), why, programs.count(), packets);
  }

  private void run() {
    while (awaitWork()) {
      try {
        look();
      } catch (RuntimeException e) {
        LOG.warn(
            "The fast path between pods of this node is not as it should be: {}", e.toString());
        retryLater();
      }
    }
  }

  private synchronized boolean awaitWork() {
    try {
      while (!closed && held) {
        wait(); // an earlier agent's program knows better whom to leave alone
      }
      while (!closed && !wanted) {
        long second = changed + SECOND_LOOK.toNanos();
        if (looked - second >= 0) {
          wait();
          continue;
        }
        long left = second - System.nanoTime();
        if (left <= 0) {
          break;
        }
        wait(Math.max(1, left / 1_000_000));
      }
    } catch (InterruptedException e) {
      return false;
    }
    return !closed;
  }

  /// By way of the second look.
  private synchronized void retryLater() {
    changed = System.nanoTime();
  }

  /// Makes the kernel as the pods are.
  private void look() {
    Map<IpAddress, Integer> leaving;
    long number;
    synchronized (this) {
      number = ++begunLooks;
      wanted = false;
      looked = System.nanoTime();
      leaving = Map.copyOf(gone);
    }
    load();
    List<Link> links = netlink.links();
    List<Route> routes = netlink.routes();
    List<PodLink> pods = PodLink.read(netlink, links, routes);
    forget(leaving, pods);
    if (loaded.isEmpty()) {
      for (PodLink pod : pods) {
        programs.clear(pod.index(), NAME);
      }
      programs.sweep(links, Set.of(), ARRIVALS_NAME);
      settle();
    } else {
      Map<Prefix, Integer> ranges = ways(links, routes);
      Set<Integer> toNodes = Set.copyOf(ranges.values());
      synchronized (this) {
        entries.fill(pods, ranges, needStack, this::isLeaving, loaded.get().maps);
      }
      programs.sweep(links, toNodes, ARRIVALS_NAME);
      BpfProgram program = loaded.get().program;
      Set<Integer> there = new HashSet<>();
      List<Integer> bare = new ArrayList<>();
      for (PodLink pod : pods) {
        there.add(pod.index());
        if (!programs.replace(pod.index(), program)) {
          bare.add(pod.index());
        }
      }
      BpfProgram arrivals = loaded.get().arrivals;
      List<Integer> bareWays = new ArrayList<>();
      for (int way : toNodes) {
        there.add(way);
        if (!programs.replace(way, arrivals)) {
          bareWays.add(way);
        }
      }
      settle();
      // Afterwards, as it waits: what an earlier agent attached knows only its own time.
      bareWays.forEach(way -> programs.attach(way, arrivals));
      bare.forEach(pod -> programs.attach(pod, program));
      programs.retain(there);
    }
    synchronized (this) {
      doneLook = number;
      notifyAll();
    }
  }

  /// Addresses that were on their way out before the kernel was read, and are not there any more.
  private synchronized void forget(Map<IpAddress, Integer> leaving, List<PodLink> pods) {
    for (Map.Entry<IpAddress, Integer> entry : leaving.entrySet()) {
      if (pods.stream().noneMatch(pod -> isLeaving(pod, entry.getKey(), entry.getValue()))) {
        gone.remove(entry.getKey(), entry.getValue());
      }
    }
  }

  private synchronized boolean isLeaving(PodLink pod, IpAddress address) {
    Integer link = gone.get(address);
    return link != null && isLeaving(pod, address, link);
  }

  private static boolean isLeaving(PodLink pod, IpAddress address, int link) {
    return (link == 0 || link == pod.index()) && pod.addresses().contains(address);
  }

  /// Our own routes to other nodes' pods, whose packets are never translated, by links with
  /// Ethernet frames: the range of each, and the link.
  private static Map<Prefix, Integer> ways(List<Link> links, List<Route> routes) {
    Set<Integer> usable = new HashSet<>();
    for (Link link : links) {
      if (link.mac() != null && link.up()) {
        usable.add(link.index());
      }
    }
    Map<Prefix, Integer> ways = new HashMap<>();
    for (Route route : routes) {
      if (route.protocol() == ForwardingState.ROUTE_PROTOCOL
          && usable.contains(route.link())
          && ways.size() < FastPathMaps.MOST_POD_RANGES) {
        ways.put(route.destination(), route.link());
      }
    }
    return ways;
  }

  private synchronized void awaitQuiet() {
    long start = System.nanoTime();
    try {
      while (!closed && System.nanoTime() - start < AT_MOST.toNanos()) {
        long left = changed + QUIET.toNanos() - System.nanoTime();
        if (left <= 0) {
          return;
        }
        wait(Math.max(1, left / 1_000_000));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /// Ends the looking after; what is attached stays and serves on.
  @Override
  public void close() {
    synchronized (this) {
      closed = true;
      notifyAll();
    }
    try {
      worker.join(5000);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    netlink.close();
    synchronized (this) {
      loaded.ifPresent(Loaded::close);
      loaded = Optional.empty();
      programs.close();
    }
  }

  @Override
  public String toString() {
    return "fast path of " + machine;
  }
}
