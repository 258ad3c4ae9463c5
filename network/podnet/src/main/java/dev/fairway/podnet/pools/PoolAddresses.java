// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.pools;

import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import dev.fairway.podnet.ipam.AddressBook;
import dev.fairway.podnet.ipam.AddressSource;
import dev.fairway.podnet.ipam.Allocation;
import dev.fairway.podnet.ipam.Allocation.Owner;
import dev.fairway.podnet.ipam.NoAddress;
import dev.fairway.podnet.ipam.NoAddress.Reason;
import dev.fairway.podnet.ipam.Wanted;
import dev.fairway.reconcile.ClusterFollower;
import io.fabric8.kubernetes.api.model.ListOptionsBuilder;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedSet;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// One node's addresses: out of pools where a pool is for the pod, else out of the node's own
/// range.
///
/// It finds out by itself whether the cluster has pools. While there are none, an allocation is the
/// address book's and nothing else.
public final class PoolAddresses implements AddressSource, AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(PoolAddresses.class);

  /// How often an API server that knows no pools is asked again.
  private static final Duration ASK_AGAIN = Duration.ofSeconds(30);

  private static final Duration ASK_AT_FIRST = Duration.ofMillis(500);
  private static final int MOST_TRIES = 64;

  private enum Kinds {
    UNKNOWN,
    ABSENT,
    FOLLOWED
  }

  /// One family's wish.
  ///
  /// @param pools that it can be met from; none for the node's own range or a certain address
  private record Wish(List<Pool> pools, Wanted wanted) {}

  private final KubernetesClient client;
  private final AddressBook book;
  private final PoolState state;
  private final BlockClaims claims;
  private final BlockUpkeep upkeep;
  private final PodLookup pods;
  private final PodEvents events;
  private final Runnable changed;
  private final ReentrantLock claiming = new ReentrantLock();
  private final AtomicBoolean turnWanted = new AtomicBoolean();
  private volatile Kinds kinds = Kinds.UNKNOWN;
  private volatile boolean listed;
  private volatile boolean closed;
  private volatile long askedAt;
  private volatile List<String> problems = List.of();

  /// Pools that had nothing left for a pod, and what was said of it, until something is given back.
  private final Map<String, String> exhausted = new ConcurrentHashMap<>();

  private @Nullable ClusterFollower follower;

  private PoolAddresses(
      KubernetesClient client, String node, AddressBook book, Runnable changed, Patience patience) {
    this.client = client;
    this.book = book;
    this.changed = changed;
    BlockStore store = new BlockStore(client);
    state = new PoolState(node, book, store, changed);
    claims = new BlockClaims(state, store);
    upkeep = new BlockUpkeep(client, state, store, claims, book, patience);
    pods = new PodLookup(client, node);
    events = new PodEvents(client, node);
  }

  /// For one node; knows nothing until [#begin].
  ///
  /// @param changed called whenever [#ranges], [#known] or [#problems] may be others than before
  public static PoolAddresses of(
      KubernetesClient client, String node, AddressBook book, Runnable changed) {
    return of(client, node, book, changed, Patience.USUAL);
  }

  /// The same with another patience, for those who cannot wait for minutes.
  public static PoolAddresses of(
      KubernetesClient client, String node, AddressBook book, Runnable changed, Patience patience) {
    return new PoolAddresses(client, node, book, changed, patience);
  }

  /// Begins to look for pools.
  public void begin() {
    Thread.ofVirtual().name("address-pools").start(this::findOut);
  }

  /// Whether it is known if there are pools; before, no pod may be given an address.
  public boolean known() {
    return kinds == Kinds.ABSENT || listed;
  }

  /// Which blocks and single addresses each node has.
  public BlockRanges ranges() {
    return state.view().ranges();
  }

  /// The ranges of all pools that are used.
  public List<Prefix> poolRanges() {
    return state.view().pools().pools().stream().map(Pool::cidr).toList();
  }

  /// The pools that are used, by name.
  public Map<String, Prefix> pools() {
    Map<String, Prefix> used = new LinkedHashMap<>();
    state.view().pools().pools().forEach(pool -> used.put(pool.name(), pool.cidr()));
    return used;
  }

  /// Pools, blocks and addresses that are not used or should not be, each naming the object.
  public List<String> problems() {
    SequencedSet<String> all = new LinkedHashSet<>(state.view().pools().problems());
    all.addAll(ranges().problems());
    all.addAll(problems);
    Set<String> pools = pools().keySet();
    exhausted.keySet().retainAll(pools);
    all.addAll(new TreeMap<>(exhausted).values());
    return List.copyOf(all);
  }

  /// Every Node object, this node's among them.
  public void nodes(Collection<Node> all) {
    Map<String, List<Prefix>> nodeRanges = new HashMap<>();
    Map<String, String> labels = Map.of();
    for (Node node : all) {
      String name = node.getMetadata().getName();
      nodeRanges.put(name, podCidrs(node));
      if (name.equals(state.view().node()) && node.getMetadata().getLabels() != null) {
        labels = Map.copyOf(node.getMetadata().getLabels());
      }
    }
    state.nodes(nodeRanges, labels);
  }

  /// What no pool may have in it: ranges of Services, and this machine's own addresses.
  public void taken(List<Prefix> services, List<IpAddress> machine) {
    Map<Prefix, String> taken = new LinkedHashMap<>();
    services.forEach(range -> taken.put(range, "the addresses of Services, " + range));
    machine.forEach(own -> taken.put(own.toPrefix(), "the address " + own + " of a machine"));
    state.taken(taken);
  }

  private static List<Prefix> podCidrs(Node node) {
    List<Prefix> ranges = new ArrayList<>();
    if (node.getSpec() != null) {
      List<String> all = node.getSpec().getPodCIDRs();
      String first = node.getSpec().getPodCIDR(); // all that an old API server tells
      List<String> alone = first == null ? List.of() : List.of(first);
      for (String text : all == null || all.isEmpty() ? alone : all) {
        try {
          ranges.add(Prefix.parse(text));
        } catch (IllegalArgumentException e) {
          LOG.debug("Node {}: {}", node.getMetadata().getName(), e.getMessage()); // said elsewhere
        }
      }
    }
    return ranges;
  }

  @Override
  public Allocation allocate(Owner owner) throws NoAddress, IOException {
    try {
      return state.view().pools().isEmpty() ? book.allocate(owner) : fromPools(owner);
    } catch (NoAddress e) {
      tell(owner, e);
      throw e;
    }
  }

  private void tell(Owner owner, NoAddress why) {
    int slash = owner.pod().indexOf('/');
    if (slash > 0) {
      events.warning(
          owner.pod().substring(0, slash),
          owner.pod().substring(slash + 1),
          owner.podUid(),
          why.reason().eventReason(),
          String.valueOf(why.getMessage()));
    }
  }

  private Allocation fromPools(Owner owner) throws NoAddress, IOException {
    if (book.find(owner.containerId(), owner.interfaceName()).isPresent()) {
      return book.allocate(owner, List.of());
    }
    PodWish pod = pods.wish(owner, state.view().pools().asksForNamespaces());
    if (pod.addresses().isEmpty()) {
      List<Wish> wishes = wishes(pod, state.view());
      try {
        return allocate(owner, wishes);
      } catch (NoAddress e) {
        if (poolsOf(wishes, e).isEmpty()) {
          throw e;
        }
      }
    }
    lockForClaims();
    try {
      return claimAndAllocate(owner, pod);
    } finally {
      claiming.unlock();
    }
  }

  private void lockForClaims() throws NoAddress {
    try {
      if (claiming.tryLock(ApiCall.LIMIT.toMillis(), TimeUnit.MILLISECONDS)) {
        return;
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    throw new NoAddress(Reason.UNREACHABLE, "other pods of this node wait for addresses too");
  }

  private Allocation claimAndAllocate(Owner owner, PodWish pod) throws NoAddress, IOException {
    for (int tries = 0; tries < MOST_TRIES; tries++) {
      for (IpAddress address : pod.addresses()) {
        claims.hold(address, pod);
      }
      List<Wish> wishes = wishes(pod, state.view());
      try {
        return allocate(owner, wishes);
      } catch (NoAddress e) {
        List<Pool> pools = poolsOf(wishes, e);
        if (pools.isEmpty()) {
          throw e;
        }
        if (!claims.grow(pools)) {
          NoAddress none = exhausted(pools);
          pools.forEach(pool -> exhausted.put(pool.name(), String.valueOf(none.getMessage())));
          throw none;
        }
      }
    }
    throw new NoAddress(Reason.UNREACHABLE, "this node's new addresses were gone at once");
  }

  private Allocation allocate(Owner owner, List<Wish> wishes) throws NoAddress, IOException {
    Allocation given = book.allocate(owner, wishes.stream().map(Wish::wanted).toList());
    wishes.forEach(wish -> wish.pools.forEach(pool -> exhausted.remove(pool.name())));
    return given;
  }

  private static List<Pool> poolsOf(List<Wish> wishes, NoAddress failure) {
    for (Wish wish : wishes) {
      if (failure.unmet().isPresent() && failure.unmet().get().equals(wish.wanted)) {
        return wish.pools;
      }
    }
    return List.of();
  }

  private static NoAddress exhausted(List<Pool> pools) {
    StringBuilder names = new StringBuilder();
    boolean lend = true;
    for (Pool pool : pools) {
      names.append(names.isEmpty() ? "" : ", ").append(pool.name()).append(' ').append(pool.cidr());
      lend &= pool.lends();
    }
    return new NoAddress(
        Reason.EXHAUSTED,
        "no address is left for this node in AddressPool "
            + names
            + ": every block is claimed"
            + (lend ? " and full" : ", and spec.borrowing is Forbidden")
            + "; make room or add a pool");
  }

  /// What to ask of the book: one address a family, the node's first family first.
  private List<Wish> wishes(PodWish pod, PoolView view) throws NoAddress {
    Map<IpFamily, Wanted> own = new LinkedHashMap<>();
    for (Wanted wanted : book.ownRanges()) {
      if (wanted instanceof Wanted.OneOf any) {
        own.put(any.ranges().getFirst().family(), wanted);
      }
    }
    List<IpFamily> families = new ArrayList<>(own.keySet());
    for (IpFamily family : IpFamily.values()) {
      if (!families.contains(family)) {
        families.add(family);
      }
    }
    List<Wish> wishes = new ArrayList<>();
    for (IpFamily family : families) {
      wish(pod, view, family, Optional.ofNullable(own.get(family))).ifPresent(wishes::add);
    }
    if (wishes.isEmpty()) {
      throw new NoAddress(
          Reason.NOT_ALLOWED, "no AddressPool is for this pod, and the node has no spec.podCIDRs");
    }
    return wishes;
  }

  private static Optional<Wish> wish(
      PodWish pod, PoolView view, IpFamily family, Optional<Wanted> own) throws NoAddress {
    Optional<IpAddress> address = pod.address(family);
    if (address.isPresent()) {
      return Optional.of(new Wish(List.of(), new Wanted.Exactly(address.get())));
    }
    List<Pool> pools = view.pools().choose(pod, family, view.labels());
    if (pools.isEmpty()) {
      return own.map(wanted -> new Wish(List.of(), wanted));
    }
    List<Prefix> candidates = new ArrayList<>();
    StringBuilder source = new StringBuilder("pool");
    for (Pool pool : pools) {
      candidates.addAll(view.candidates(pool));
      source.append(' ').append(pool.name());
    }
    return Optional.of(new Wish(pools, new Wanted.OneOf(source.toString(), candidates)));
  }

  /// Single addresses go back soon, so that their pod may come up on another node.
  @Override
  public void released() {
    exhausted.clear();
    PoolView view = state.view();
    boolean singles =
        view.ranges().blocks().values().stream().anyMatch(b -> !view.claims(b).isEmpty());
    if (singles && turnWanted.compareAndSet(false, true)) {
      Thread.ofVirtual().name("address-upkeep").start(this::upkeep);
    }
  }

  /// Gives back what is not needed; call it now and then.
  public void upkeep() {
    turnWanted.set(false);
    if (kinds == Kinds.ABSENT && System.nanoTime() - askedAt > ASK_AGAIN.toNanos()) {
      ask();
    }
    if (!listed || closed) {
      return;
    }
    claiming.lock();
    try {
      if (!state.view().pools().isEmpty() || !ranges().blocks().isEmpty()) {
        problems = upkeep.turn();
      }
    } catch (NoAddress e) {
      LOG.info("Address pools are looked after again later: {}", e.getMessage());
    } finally {
      claiming.unlock();
    }
  }

  private void findOut() {
    try {
      while (!closed && !ask()) {
        Thread.sleep(ASK_AT_FIRST);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /// @return whether there is an answer
  private boolean ask() {
    askedAt = System.nanoTime();
    try {
      ApiCall.ask(
          "list address pools",
          () ->
              client
                  .resources(AddressPool.class)
                  .list(new ListOptionsBuilder().withLimit(1L).build()));
      follow();
      return true;
    } catch (NoAddress e) {
      int code = e.getCause() instanceof KubernetesClientException told ? told.getCode() : 0;
      if (code != ApiCall.NOT_FOUND && code != ApiCall.FORBIDDEN) {
        LOG.debug("Whether there are address pools is not known: {}", e.getMessage());
        return false;
      }
      if (kinds == Kinds.UNKNOWN) {
        if (code == ApiCall.FORBIDDEN) {
          LOG.info(
              "No address pools are used: this agent has no right to list them; fairway pools prints"
                  + " the role it needs");
        }
        kinds = Kinds.ABSENT;
        changed.run();
      }
      return true;
    }
  }

  private synchronized void follow() {
    if (follower != null || closed) {
      return;
    }
    follower =
        ClusterFollower.of(client)
            .follow(AddressPool.class)
            .follow(AddressBlock.class)
            .subscribe(
                "address-pools",
                (delta, image) -> {
                  Collection<AddressPool> pools = image.all(AddressPool.class);
                  if (!pools.isEmpty()) {
                    pods.follow();
                  }
                  state.followed(pools, image.all(AddressBlock.class));
                  if (!listed) {
                    listed = true;
                    changed.run();
                    upkeep();
                  }
                })
            .start();
    kinds = Kinds.FOLLOWED;
  }

  @Override
  public synchronized void close() {
    closed = true;
    if (follower != null) {
      follower.close();
    }
    pods.close();
  }
}
