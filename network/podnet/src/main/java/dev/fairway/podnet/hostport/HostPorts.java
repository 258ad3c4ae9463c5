// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.hostport;

import dev.fairway.linux.Conntrack;
import dev.fairway.linux.Errno;
import dev.fairway.linux.KernelException;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.nft.NfTables;
import dev.fairway.linux.nft.NftRequest;
import dev.fairway.linux.nft.NftTable;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Protocol;
import dev.fairway.podnet.cni.CniRequest.Attachment;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// Which attachment has which ports of the node, and the kernel's tables that say so. Without any
/// port there are no tables. Safe for use by many threads.
public final class HostPorts implements AutoCloseable {
  private final NetworkNamespace machine;
  private final NfTables tables;
  private Map<Attachment, List<HostPort>> owners = new LinkedHashMap<>();
  private boolean made;

  /// A port is another's.
  public static final class PortInUse extends Exception {
    private static final long serialVersionUID = 1L;

    PortInUse(HostPort port, Attachment owner) {
      super(
          "hostPort "
              + port.port()
              + "/"
              + port.protocol()
              + " of this node is in use by sandbox "
              + owner.containerId());
    }
  }

  /// Works on one machine; the namespace stays the caller's.
  public HostPorts(NetworkNamespace machine) {
    this.machine = machine;
    tables = NfTables.open(machine);
  }

  /// Begins with what an earlier agent left, which may be nothing.
  public synchronized void restore(Map<Attachment, List<HostPort>> ports) {
    ports.forEach((owner, list) -> {
      if (!list.isEmpty()) {
        owners.put(owner, List.copyOf(list));
      }
    });
    if (!owners.isEmpty()) {
      rewrite(owners);
    }
  }

  /// Makes these the ports of an attachment, whatever it had before.
  ///
  /// @throws PortInUse if one is another's; nothing changes then
  /// @throws dev.fairway.linux.KernelException if the kernel refuses; nothing changes then
  public synchronized void set(Attachment owner, List<HostPort> ports) throws PortInUse {
    for (Map.Entry<Attachment, List<HostPort>> other : owners.entrySet()) {
      for (HostPort taken : other.getKey().equals(owner) ? List.<HostPort>of() : other.getValue()) {
        for (HostPort port : ports) {
          if (port.overlaps(taken)) {
            throw new PortInUse(port, other.getKey());
          }
        }
      }
    }
    List<HostPort> before = owners.getOrDefault(owner, List.of());
    if (before.equals(ports)) {
      return;
    }
    Map<Attachment, List<HostPort>> next = new LinkedHashMap<>(owners);
    if (ports.isEmpty()) {
      next.remove(owner);
    } else {
      next.put(owner, List.copyOf(ports));
    }
    if (!made || !change(before, ports)) {
      rewrite(next);
    }
    owners = next;
    forgetFlows(before, ports);
  }

  /// Takes an attachment's ports away; one that has none is success.
  public void clear(Attachment owner) {
    try {
      set(owner, List.of());
    } catch (PortInUse e) {
      throw new IllegalStateException("no port is in nobody's way", e);
    }
  }

  public synchronized boolean has(Attachment owner, List<HostPort> ports) {
    return owners.getOrDefault(owner, List.of()).equals(ports);
  }

  /// Puts the tables back where somebody else took them away, and takes away those of an earlier
  /// agent where no port is left.
  public synchronized void repair() {
    Set<NftTable> there = new HashSet<>(tables.tables());
    boolean all = true;
    boolean any = false;
    for (IpFamily family : IpFamily.values()) {
      boolean found = there.contains(new HostPortRules(family).table());
      all &= found;
      any |= found;
    }
    if (owners.isEmpty() && any) {
      List<NftRequest> requests = new ArrayList<>();
      for (IpFamily family : IpFamily.values()) {
        NftTable table = new HostPortRules(family).table();
        requests.add(new NftRequest.AddTable(table));
        requests.add(new NftRequest.DeleteTable(table));
      }
      tables.apply(requests);
      made = false;
    } else if (!owners.isEmpty() && !all) {
      rewrite(owners);
    }
  }

  /// @return false if the tables are not as we left them; nothing has changed then
  private boolean change(List<HostPort> before, List<HostPort> after) {
    List<NftRequest> requests = new ArrayList<>();
    for (IpFamily family : IpFamily.values()) {
      HostPortRules rules = new HostPortRules(family);
      requests.addAll(rules.delete(before));
      requests.addAll(rules.add(after));
    }
    try {
      tables.apply(requests);
      return true;
    } catch (KernelException e) {
      if (e.errno() != Errno.ENOENT) {
        throw e;
      }
      return false;
    }
  }

  private void rewrite(Map<Attachment, List<HostPort>> all) {
    made = false;
    List<HostPort> ports = new ArrayList<>();
    all.values().forEach(ports::addAll);
    List<NftRequest> requests = new ArrayList<>();
    for (IpFamily family : IpFamily.values()) {
      HostPortRules rules = new HostPortRules(family);
      requests.addAll(rules.skeleton());
      requests.addAll(rules.add(ports));
    }
    tables.apply(requests);
    made = true;
  }

  /// A UDP sender goes on with the way its first packet found, so that way has to be forgotten.
  private void forgetFlows(List<HostPort> before, List<HostPort> after) {
    Set<HostPort> changed = new HashSet<>(before);
    changed.addAll(after);
    changed.removeIf(port -> port.protocol() != Protocol.UDP);
    if (changed.isEmpty()) {
      return;
    }
    try (Conntrack flows = Conntrack.open(machine)) {
      for (IpFamily family : IpFamily.values()) {
        Set<Integer> ports = new HashSet<>();
        changed.stream()
            .filter(port -> port.target().address().family() == family)
            .forEach(port -> ports.add(port.port()));
        if (!ports.isEmpty()) {
          flows.deleteIf(
              family,
              flow ->
                  flow.protocol() == Protocol.UDP.number() && ports.contains(flow.server().port()));
        }
      }
    }
  }

  @Override
  public synchronized void close() {
    tables.close();
  }
}
