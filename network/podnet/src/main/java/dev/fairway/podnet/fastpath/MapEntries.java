// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.fastpath;

import dev.fairway.linux.bpf.BpfMap;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import dev.fairway.podnet.attach.PodLink;
import dev.fairway.podnet.fastpath.FastPathMaps.Receiver;
import dev.fairway.podnet.fastpath.FastPathMaps.Sender;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/// What the programs' maps have from us, so that only what changed is written. Guarded by whoever
/// has it.
final class MapEntries {
  private final Map<Integer, Sender> senders = new HashMap<>();
  private final Map<IpAddress, Receiver> receivers = new HashMap<>();
  private final Map<Prefix, Integer> podRanges = new HashMap<>();
  private final Map<Integer, Integer> ways = new HashMap<>();
  private int changes;

  /// Tells whether an address that the kernel still shows at a pod is on its way out.
  interface Leaving {
    boolean isLeaving(PodLink pod, IpAddress address);
  }

  /// The maps are new and empty.
  void clear() {
    senders.clear();
    receivers.clear();
    podRanges.clear();
    ways.clear();
  }

  /// Takes an address out.
  ///
  /// @return what stood there
  Optional<Receiver> remove(IpAddress address, Optional<FastPathMaps> maps) {
    Optional<Receiver> before = Optional.ofNullable(receivers.remove(address));
    if (before.isPresent()) {
      maps.ifPresent(each -> each.receivers().remove(address));
    }
    return before;
  }

  /// Makes the maps as the pods are.
  ///
  /// @param ranges of pods of other nodes, with the link to each
  void fill(
      List<PodLink> pods,
      Map<Prefix, Integer> ranges,
      Set<IpAddress> needStack,
      Leaving leaving,
      FastPathMaps maps) {
    Map<Integer, Sender> wantedSenders = new HashMap<>();
    Map<IpAddress, Receiver> wantedReceivers = new HashMap<>();
    for (PodLink pod : pods) {
      List<IpAddress> addresses = new ArrayList<>(pod.addresses());
      addresses.removeIf(address -> leaving.isLeaving(pod, address));
      boolean needsStack = pod.shaped() || addresses.stream().anyMatch(needStack::contains);
      if (!addresses.isEmpty()) {
        wantedSenders.put(
            pod.index(),
            new Sender(
                pod.mac(),
                needsStack,
                first(addresses, IpFamily.IPV4),
                first(addresses, IpFamily.IPV6)));
      }
      for (IpAddress address : addresses) {
        wantedReceivers.put(address, new Receiver(pod.index(), pod.mac(), needsStack));
      }
    }
    Map<Integer, Integer> links = new HashMap<>();
    ranges.values().forEach(link -> links.put(link, 1));
    if (!receivers.equals(wantedReceivers) || !senders.equals(wantedSenders)) {
      try {
        bring(maps.receivers(), receivers, wantedReceivers);
        bring(maps.senders(), senders, wantedSenders);
      } finally {
        tell(maps);
      }
    }
    bring(maps.podRanges(), podRanges, ranges);
    bring(maps.ways(), ways, links);
  }

  /// What the program has found out about connections holds no longer. To be called after the
  /// change: what is found out meanwhile has the time from before.
  void tell(FastPathMaps maps) {
    changes++;
    maps.changes().put(0, changes);
  }

  private static <K, V> void bring(BpfMap<K, V> map, Map<K, V> there, Map<K, V> wanted) {
    for (K key : List.copyOf(there.keySet())) {
      if (!wanted.containsKey(key)) {
        map.remove(key);
        there.remove(key);
      }
    }
    for (Map.Entry<K, V> entry : wanted.entrySet()) {
      if (!entry.getValue().equals(there.get(entry.getKey()))) {
        map.put(entry.getKey(), entry.getValue());
        there.put(entry.getKey(), entry.getValue());
      }
    }
  }

  private static Optional<IpAddress> first(List<IpAddress> addresses, IpFamily family) {
    return addresses.stream().filter(address -> address.family() == family).findFirst();
  }

  /// Marks who needs the stack from now on. Those that need it no more can wait for [#fill].
  void mark(Set<IpAddress> needStack, FastPathMaps maps) {
    for (Map.Entry<Integer, Sender> entry : senders.entrySet()) {
      Sender sender = entry.getValue();
      if (!sender.needsStack()
          && (sender.ipv4().filter(needStack::contains).isPresent()
              || sender.ipv6().filter(needStack::contains).isPresent())) {
        entry.setValue(new Sender(sender.mac(), true, sender.ipv4(), sender.ipv6()));
        maps.senders().put(entry.getKey(), entry.getValue());
      }
    }
    for (Map.Entry<IpAddress, Receiver> entry : receivers.entrySet()) {
      Receiver receiver = entry.getValue();
      if (!receiver.needsStack() && needStack.contains(entry.getKey())) {
        entry.setValue(new Receiver(receiver.link(), receiver.mac(), true));
        maps.receivers().put(entry.getKey(), entry.getValue());
      }
    }
    tell(maps);
  }
}
