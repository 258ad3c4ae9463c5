// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.guard;

import dev.fairway.linux.KernelException;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.RouteNetlink;
import dev.fairway.linux.nft.NfTables;
import dev.fairway.linux.nft.NftRequest;
import dev.fairway.linux.nft.NftTable;
import dev.fairway.net.IpAddress;
import dev.fairway.net.MacAddress;
import dev.fairway.podnet.attach.PodLink;
import dev.fairway.podnet.attach.PodWatcher;
import dev.fairway.podnet.attach.Wire;
import dev.fairway.podnet.guard.GuardRules.Pod;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/// Keeps the rules in the kernel as the pods are. Safe for use by many threads.
public final class Guard implements PodWatcher, AutoCloseable {
  private final NfTables tables;
  private final RouteNetlink netlink;
  private final Map<Integer, Pod> applied = new LinkedHashMap<>();

  /// Pods on their way out, without addresses: what still comes from their links is nobody's.
  private final Map<Integer, Pod> leaving = new HashMap<>();

  private Map<IpAddress, Exemption> exemptions;
  private boolean wanted;
  private boolean there;

  /// What a pod may do beside what all may.
  ///
  /// @param everything it is not guarded at all
  /// @param addresses it may also send by, such as one that moves between pods
  /// @param pod `namespace/name` of the only one it is for; empty for whoever has the address
  public record Exemption(boolean everything, List<IpAddress> addresses, String pod) {
    static final Exemption NONE = new Exemption(false, List.of());

    public Exemption(boolean everything, List<IpAddress> addresses) {
      this(everything, addresses, "");
    }

    private boolean isFor(String other) {
      return pod.isEmpty() || other.isEmpty() || pod.equals(other);
    }

    public Exemption {
      addresses = List.copyOf(addresses);
    }
  }

  /// Begins with the pods that are connected.
  ///
  /// @param machine the namespace of the pods' links
  /// @param on false to remove what an earlier agent left
  /// @throws KernelException if the kernel refuses
  public Guard(NetworkNamespace machine, boolean on) {
    this(machine, on, Map.of());
  }

  /// As [#Guard(NetworkNamespace, boolean)], with exemptions that count from the first moment.
  public Guard(NetworkNamespace machine, boolean on, Map<IpAddress, Exemption> exemptions) {
    this.exemptions = Map.copyOf(exemptions);
    tables = NfTables.open(machine);
    netlink = RouteNetlink.open(machine);
    set(on);
  }

  /// Switches it on or off.
  public synchronized void set(boolean on) {
    wanted = on;
    rewrite();
  }

  /// Whether pods are guarded.
  public synchronized boolean on() {
    return there;
  }

  /// All exemptions from now on, each by any address of its pod.
  public synchronized void exempt(Map<IpAddress, Exemption> all) {
    if (!exemptions.equals(all)) {
      exemptions = Map.copyOf(all);
      resync();
    }
  }

  @Override
  public synchronized void connected(Wire wire, int link) {
    leaving.remove(link);
    if (!wanted) {
      return;
    }
    Pod before = applied.get(link);
    Optional<Pod> pod = pod(link, wire.mac(), wire.addresses(), PodLink.podOf(wire.alias()));
    change(pod.stream().toList(), before == null ? List.of() : List.of(before));
  }

  @Override
  public synchronized void disconnecting(List<IpAddress> addresses) {
    List<Pod> before = new ArrayList<>();
    List<Pod> after = new ArrayList<>();
    for (Pod pod : applied.values()) {
      if (pod.addresses().stream().anyMatch(addresses::contains)) {
        before.add(pod);
        after.add(new Pod(pod.link(), pod.mac(), List.of()));
      }
    }
    if (!before.isEmpty()) {
      after.forEach(pod -> leaving.put(pod.link(), pod));
      change(after, before);
    }
  }

  /// Looks at the kernel, and makes it so.
  public synchronized void resync() {
    boolean found =
        tables.tables().stream().filter(t -> t.name().equals(GuardRules.TABLE)).count() == 3;
    if (!wanted || !found || !there) {
      if (wanted || found || there) {
        rewrite();
      }
      return;
    }
    Map<Integer, Pod> desired = desired();
    List<Pod> add = new ArrayList<>();
    List<Pod> remove = new ArrayList<>();
    for (Pod pod : applied.values()) {
      if (!pod.equals(desired.get(pod.link()))) {
        remove.add(pod);
      }
    }
    for (Pod pod : desired.values()) {
      if (!pod.equals(applied.get(pod.link()))) {
        add.add(pod);
      }
    }
    change(add, remove);
  }

  private void change(List<Pod> add, List<Pod> remove) {
    List<NftRequest> requests = new ArrayList<>(GuardRules.elements(remove, false));
    requests.addAll(GuardRules.elements(add, true));
    try {
      tables.apply(requests);
      remove.forEach(pod -> applied.remove(pod.link()));
      add.forEach(pod -> applied.put(pod.link(), pod));
    } catch (KernelException e) {
      there = false; // not as we left it
      rewrite();
    }
  }

  private void rewrite() {
    applied.clear();
    if (wanted) {
      Map<Integer, Pod> desired = desired();
      tables.apply(GuardRules.replace(desired.values()));
      applied.putAll(desired);
    } else {
      tables.apply(GuardRules.remove());
    }
    there = wanted;
  }

  private Map<Integer, Pod> desired() {
    Map<Integer, Pod> desired = new HashMap<>();
    for (PodLink link : PodLink.read(netlink)) {
      pod(link.index(), link.mac(), link.addresses(), link.pod())
          .ifPresent(pod -> desired.put(pod.link(), pod));
    }
    if (!leaving.isEmpty()) {
      Set<Integer> links = new HashSet<>();
      netlink.links().forEach(link -> links.add(link.index()));
      leaving.keySet().retainAll(links);
      desired.putAll(leaving);
    }
    return desired;
  }

  private Optional<Pod> pod(int link, MacAddress mac, List<IpAddress> addresses, String name) {
    List<IpAddress> all = new ArrayList<>(addresses);
    for (IpAddress address : addresses) {
      Exemption exemption = exemptions.getOrDefault(address, Exemption.NONE);
      if (!exemption.isFor(name)) {
        continue;
      }
      if (exemption.everything) {
        return Optional.empty();
      }
      for (IpAddress extra : exemption.addresses) {
        if (!all.contains(extra)) {
          all.add(extra);
        }
      }
    }
    all.sort(null);
    return Optional.of(new Pod(link, mac, all));
  }

  /// How many packets were dropped since the rules were written, by their reason.
  public synchronized Map<GuardReason, Long> dropped() {
    Map<GuardReason, Long> dropped = new EnumMap<>(GuardReason.class);
    if (!there) {
      return dropped;
    }
    for (NftTable table : GuardRules.tables()) {
      Map<String, Long> counters = tables.counters(table);
      for (GuardReason reason : GuardReason.values()) {
        if (reason.in(table.family())) {
          dropped.put(reason, counters.getOrDefault(reason.counter(), 0L));
        }
      }
    }
    return dropped;
  }

  /// Ends the looking after; the rules stay.
  @Override
  public synchronized void close() {
    tables.close();
    netlink.close();
  }
}
