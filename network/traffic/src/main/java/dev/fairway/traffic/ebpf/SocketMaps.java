// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.ebpf;

import dev.fairway.linux.KernelException;
import dev.fairway.linux.bpf.BpfLayout;
import dev.fairway.linux.bpf.BpfMap;
import dev.fairway.linux.bpf.BpfProgram;
import dev.fairway.net.Protocol;
import dev.fairway.net.TransportAddress;
import dev.fairway.traffic.ebpf.SocketLayout.Member;
import dev.fairway.traffic.ebpf.SocketLayout.Place;
import dev.fairway.traffic.ebpf.SocketLayout.Way;
import dev.fairway.traffic.rules.Front;
import dev.fairway.traffic.rules.Plan;
import dev.fairway.traffic.rules.RuleSet;
import dev.fairway.traffic.rules.ServiceIndex;
import dev.fairway.traffic.rules.Target;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// What the programs read, and what they remember.
///
/// A front's endpoints are a list with a number of its own. A change writes a new list and then has
/// the front point to it: a socket finds the one or the other, never a mixture; one that came too
/// late for the old list is left to the packets' rules.
///
/// @param nextList numbers the lists
record SocketMaps(
    BpfMap<Front, Way> fronts,
    BpfMap<Place, TransportAddress> endpoints,
    BpfMap<Member, Integer> members,
    BpfMap<byte[], byte[]> clients,
    BpfMap<byte[], byte[]> peers,
    Numbers nextList)
    implements AutoCloseable {
  static final String FRONTS = "fw_fronts";
  static final String ENDPOINTS = "fw_endpoints";
  static final String MEMBERS = "fw_members";
  static final String CLIENTS = "fw_clients";
  static final String PEERS = "fw_peers";
  private static final int REMEMBERED = 1 << 16;
  private static final int LEAST_ROOM = 1 << 12;

  private static final BpfMap.Spec<byte[], byte[]> CLIENTS_SPEC = remembered(CLIENTS, 40, 32);
  private static final BpfMap.Spec<byte[], byte[]> PEERS_SPEC = remembered(PEERS, 32, 24);

  /// The numbers from 1 on.
  static final class Numbers {
    private int last;

    private int next() {
      return ++last;
    }
  }

  private static BpfMap.Spec<byte[], byte[]> remembered(String name, int key, int value) {
    return new BpfMap.Spec<>(
        BpfMap.Kind.LRU_HASH,
        name,
        SocketLayout.opaque(key),
        SocketLayout.opaque(value),
        REMEMBERED);
  }

  /// New ones with room for twice what is wanted, filled.
  ///
  /// @param before a program of the agent before, whose memories are taken over
  static SocketMaps filled(ServiceIndex index, Optional<BpfProgram> before) {
    int[] wanted = new int[3];
    index.forEach((front, target) -> {
      int some = balanced(front, target).size();
      if (some > 0) {
        wanted[0]++;
        wanted[1] += some;
        wanted[2] += keeps(front, target) ? some : 0;
      }
    });
    SocketMaps maps =
        new SocketMaps(
            sparse(FRONTS, SocketLayout.FRONT, SocketLayout.WAY, wanted[0]),
            sparse(ENDPOINTS, SocketLayout.PLACE, SocketLayout.ENDPOINT, wanted[1]),
            sparse(MEMBERS, SocketLayout.MEMBER, BpfLayout.NUMBER, wanted[2]),
            kept(before, CLIENTS_SPEC),
            kept(before, PEERS_SPEC),
            new Numbers());
    try {
      maps.fill(index);
      return maps;
    } catch (RuntimeException e) {
      maps.close();
      throw e;
    }
  }

  private void fill(ServiceIndex index) {
    BpfMap<Front, Way>.Filling ways = fronts.filling();
    BpfMap<Place, TransportAddress>.Filling places = endpoints.filling();
    BpfMap<Member, Integer>.Filling all = members.filling();
    index.forEach((front, target) -> {
      List<TransportAddress> some = balanced(front, target);
      if (!some.isEmpty()) {
        Way way = way(target, some, nextList.next());
        ways.put(front, way);
        for (int i = 0; i < some.size(); i++) {
          places.put(new Place(way.list(), i), some.get(i));
        }
        members(front, target).forEach(member -> all.put(member, 1));
      }
    });
    places.flush();
    all.flush();
    ways.flush();
  }

  private static <K, V> BpfMap<K, V> sparse(
      String name, BpfLayout<K> key, BpfLayout<V> value, int wanted) {
    int room = Math.max(LEAST_ROOM, Integer.highestOneBit(Math.max(1, wanted)) * 4);
    return BpfMap.create(new BpfMap.Spec<>(BpfMap.Kind.SPARSE_HASH, name, key, value, room));
  }

  private static <K, V> BpfMap<K, V> kept(Optional<BpfProgram> before, BpfMap.Spec<K, V> spec) {
    return before.flatMap(program -> BpfMap.of(program, spec)).orElseGet(() -> BpfMap.create(spec));
  }

  /// The endpoints that sockets are given at a front; none if it is left to the packets' rules.
  private static List<TransportAddress> balanced(Front front, @Nullable Target target) {
    return front.protocol() != Protocol.SCTP
            && target instanceof Target.Balanced balanced
            && balanced.sources().isEmpty()
            && !balanced.maglev()
        ? balanced.endpoints()
        : List.of();
  }

  private static Way way(Target target, List<TransportAddress> endpoints, int list) {
    Optional<Duration> affinity = ((Target.Balanced) target).affinity();
    return new Way(list, endpoints.size(), affinity.map(Duration::toNanos).orElse(0L));
  }

  private static Map<Place, TransportAddress> places(Way way, List<TransportAddress> endpoints) {
    Map<Place, TransportAddress> places = new LinkedHashMap<>();
    for (int i = 0; i < endpoints.size(); i++) {
      places.put(new Place(way.list(), i), endpoints.get(i));
    }
    return places;
  }

  /// Whoever sends datagrams keeps an endpoint for a while, affinity or not.
  private static boolean keeps(Front front, @Nullable Target target) {
    return target instanceof Target.Balanced balanced
        && (front.protocol() == Protocol.UDP || balanced.affinity().isPresent());
  }

  private static Set<Member> members(Front front, @Nullable Target target) {
    Set<Member> members = new HashSet<>();
    if (keeps(front, target)) {
      balanced(front, target).forEach(endpoint -> members.add(new Member(front, endpoint)));
    }
    return members;
  }

  /// Changes one front.
  ///
  /// @throws KernelException E2BIG if there is no room left
  void change(Plan.Swap swap) {
    Front front = swap.front();
    Optional<Way> old = fronts.get(front);
    List<TransportAddress> now = balanced(front, swap.after());
    Set<Member> gone = members(front, swap.before());
    if (now.isEmpty()) {
      fronts.remove(front);
    } else {
      Way way = way(swap.after(), now, nextList.next());
      places(way, now).forEach(endpoints::put);
      for (Member member : members(front, swap.after())) {
        if (!gone.remove(member)) {
          members.put(member, 1);
        }
      }
      fronts.put(front, way);
    }
    gone.forEach(members::remove);
    old.ifPresent(way -> {
      for (int i = 0; i < way.count(); i++) {
        endpoints.remove(new Place(way.list(), i));
      }
    });
  }

  /// What is not as it was put there.
  List<String> damage(Collection<RuleSet> rules) {
    int missing = 0;
    Set<Front> wanted = new HashSet<>();
    for (RuleSet ruleSet : rules) {
      for (Map.Entry<Front, Target> of : ruleSet.targets().entrySet()) {
        List<TransportAddress> some = balanced(of.getKey(), of.getValue());
        if (!some.isEmpty()) {
          wanted.add(of.getKey());
          missing += isRight(of.getKey(), of.getValue(), some) ? 0 : 1;
        }
      }
    }
    List<String> found = new ArrayList<>();
    if (missing > 0) {
      found.add(missing + " Service ports are missing or changed in " + fronts);
    }
    long others = fronts.keys().stream().filter(front -> !wanted.contains(front)).count();
    if (others > 0) {
      found.add(others + " Service ports are somebody else's in " + fronts);
    }
    return found;
  }

  private boolean isRight(Front front, Target target, List<TransportAddress> some) {
    Optional<Way> there = fronts.get(front);
    return there.equals(there.map(way -> way(target, some, way.list())))
        && there.isPresent()
        && places(there.get(), some).entrySet().stream()
            .allMatch(place -> endpoints.get(place.getKey()).equals(Optional.of(place.getValue())))
        && members(front, target).stream().allMatch(member -> members.get(member).isPresent());
  }

  /// By their names in the code of programs.
  BpfProgram.Objects objects() {
    return new BpfProgram.Objects()
        .with(fronts)
        .with(endpoints)
        .with(members)
        .with(clients)
        .with(peers);
  }

  @Override
  public void close() {
    fronts.close();
    endpoints.close();
    members.close();
    clients.close();
    peers.close();
  }
}
