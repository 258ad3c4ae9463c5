// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.ebpf;

import dev.fairway.linux.Errno;
import dev.fairway.linux.KernelException;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.bpf.BpfProgram;
import dev.fairway.linux.bpf.CgroupHook;
import dev.fairway.net.IpFamily;
import dev.fairway.traffic.nftables.NftablesDatapath;
import dev.fairway.traffic.rules.Beside;
import dev.fairway.traffic.rules.Front;
import dev.fairway.traffic.rules.Plan;
import dev.fairway.traffic.rules.ServiceDatapath;
import dev.fairway.traffic.rules.ServiceIndex;
import dev.fairway.traffic.rules.ServicesConfig;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Balances at the sockets of a control group, and packets by nf_tables.
public final class EbpfDatapath implements ServiceDatapath {
  private static final Logger LOG = LoggerFactory.getLogger(EbpfDatapath.class);

  /// What is attached, those that undo what the others do first: nobody is to be told an endpoint's
  /// address because they come later.
  private enum Program {
    PEER_NAME_4("fw_svc_name4", BpfProgram.Kind.CGROUP_PEER_NAME_IPV4),
    PEER_NAME_6("fw_svc_name6", BpfProgram.Kind.CGROUP_PEER_NAME_IPV6),
    RECEIVE_4("fw_svc_recv4", BpfProgram.Kind.CGROUP_RECEIVE_IPV4),
    RECEIVE_6("fw_svc_recv6", BpfProgram.Kind.CGROUP_RECEIVE_IPV6),
    CONNECT_4("fw_svc_connect4", BpfProgram.Kind.CGROUP_CONNECT_IPV4),
    CONNECT_6("fw_svc_connect6", BpfProgram.Kind.CGROUP_CONNECT_IPV6),
    SEND_4("fw_svc_send4", BpfProgram.Kind.CGROUP_SEND_IPV4),
    SEND_6("fw_svc_send6", BpfProgram.Kind.CGROUP_SEND_IPV6);

    private final String title;
    private final BpfProgram.Kind kind;

    Program(String title, BpfProgram.Kind kind) {
      this.title = title;
      this.kind = kind;
    }

    private BpfProgram load(BpfProgram.Objects objects) {
      var code =
          switch (this) {
            case PEER_NAME_4, RECEIVE_4 -> SocketCode.back(IpFamily.IPV4);
            case PEER_NAME_6, RECEIVE_6 -> SocketCode.back(IpFamily.IPV6);
            case CONNECT_4 -> SocketCode.forth(IpFamily.IPV4, false);
            case CONNECT_6 -> SocketCode.forth(IpFamily.IPV6, false);
            case SEND_4 -> SocketCode.forth(IpFamily.IPV4, true);
            case SEND_6 -> SocketCode.forth(IpFamily.IPV6, true);
          };
      return BpfProgram.load(kind, title, code, objects);
    }
  }

  private static final int LOOKS_LEFT_OUT = 10;

  private final ServiceDatapath packets;
  private final Optional<Path> group;

  /// What this agent's programs use; null while packets are all there is.
  private @Nullable SocketMaps maps;

  private int looksLeftOut;

  /// The numbers of this agent's programs.
  private List<Integer> attached = List.of();

  private EbpfDatapath(ServiceDatapath packets, Optional<Path> group) {
    this.packets = packets;
    this.group = group;
  }

  /// For the given namespace and the configured control group.
  public static EbpfDatapath open(ServicesConfig config, NetworkNamespace namespace) {
    return new EbpfDatapath(NftablesDatapath.open(config, namespace), config.cgroup());
  }

  @Override
  public Set<Front> datagramFronts() {
    return packets.datagramFronts();
  }

  /// Programs and maps come whole; each program is put in the place of an earlier agent's at once.
  /// Where the kernel does not take them, packets are all there is.
  @Override
  public void load(ServiceIndex index) {
    release();
    Beside<Optional<SocketMaps>> maps = Beside.start("services-maps", () -> fill(index));
    try {
      packets.load(index);
    } catch (RuntimeException e) {
      giveUp(maps, e);
      throw e;
    }
    try {
      maps.join().ifPresent(this::attach);
    } catch (KernelException e) {
      LOG.warn(
          "Services are not balanced at sockets, only as packets: the kernel does not take the"
              + " programs: {}",
          e.getMessage());
      release();
      clearIfPossible();
    }
  }

  private static void giveUp(Beside<Optional<SocketMaps>> maps, RuntimeException why) {
    try {
      maps.join().ifPresent(SocketMaps::close);
    } catch (RuntimeException e) {
      why.addSuppressed(e);
    }
  }

  /// The maps of all Services; empty where there is no control group, which the log is told.
  private Optional<SocketMaps> fill(ServiceIndex index) {
    if (group.isEmpty() || !Files.isDirectory(group.get())) {
      LOG.warn(
          "Services are not balanced at sockets, only as packets: {}",
          group
              .map(path -> "there is no control group " + path)
              .orElse("no control group of the unified hierarchy (cgroup v2) is configured"));
      return Optional.empty();
    }
    Optional<BpfProgram> before =
        new CgroupHook(group.get()).find(Program.CONNECT_4.title, Program.CONNECT_4.kind);
    try {
      return Optional.of(SocketMaps.filled(index, before));
    } finally {
      before.ifPresent(BpfProgram::close);
    }
  }

  /// Puts programs that use these maps in the place of those there are.
  private void attach(SocketMaps filled) {
    CgroupHook hook = new CgroupHook(group.orElseThrow());
    List<BpfProgram> programs = new ArrayList<>();
    boolean done = false;
    try {
      BpfProgram.Objects objects = filled.objects();
      for (Program program : Program.values()) {
        programs.add(program.load(objects));
      }
      programs.forEach(hook::set);
      attached = programs.stream().map(BpfProgram::id).toList();
      maps = filled;
      done = true;
    } finally {
      programs.forEach(BpfProgram::close);
      if (!done) {
        filled.close();
      }
    }
  }

  @Override
  public void change(Map<IpFamily, Plan> plans, ServiceIndex index) {
    packets.change(plans, index);
    SocketMaps there = maps;
    if (there == null) {
      return;
    }
    try {
      plans.values().forEach(plan -> plan.swaps().forEach(there::change));
    } catch (KernelException e) {
      if (e.errno() != Errno.E2BIG) {
        LOG.warn("changing the Services of sockets failed, loading all: {}", e.getMessage());
      }
      release();
      fill(index).ifPresent(this::attach);
    }
  }

  @Override
  public boolean isIntact(ServiceIndex index) {
    SocketMaps there = maps;
    if (!packets.isIntact(index) || (there != null && !attached.equals(found()))) {
      return false;
    }
    return there == null || !isLookDue() || there.damage(index.ruleSets().values()).isEmpty();
  }

  /// To compare the maps with what they should be takes a while where there are many Services.
  private boolean isLookDue() {
    looksLeftOut = (looksLeftOut + 1) % LOOKS_LEFT_OUT;
    return looksLeftOut == 0;
  }

  @Override
  public List<String> damage(ServiceIndex index) {
    List<String> found = new ArrayList<>(packets.damage(index));
    SocketMaps there = maps;
    if (there != null) {
      if (!attached.equals(found())) {
        found.add(
            "of %d programs of control group %s only %d are there"
                .formatted(attached.size(), group.orElseThrow(), found().size()));
      }
      found.addAll(there.damage(index.ruleSets().values()));
    }
    return found;
  }

  private List<Integer> found() {
    List<Integer> ids = new ArrayList<>();
    try {
      CgroupHook hook = new CgroupHook(group.orElseThrow());
      for (Program program : Program.values()) {
        hook.find(program.title, program.kind)
            .ifPresent(one -> {
              try (one) {
                ids.add(one.id());
              }
            });
      }
    } catch (KernelException e) {
      // The group is gone, and all that was attached to it.
    }
    return ids;
  }

  @Override
  public void remove() {
    removePrograms();
    packets.remove();
  }

  /// Takes the programs away and leaves the packets' rules, for a datapath that has the same.
  public void removePrograms() {
    release();
    if (group.isPresent() && Files.isDirectory(group.get())) {
      clear(group.get());
    }
  }

  private void clearIfPossible() {
    try {
      removePrograms();
    } catch (KernelException e) {
      LOG.debug("nothing to take away: {}", e.getMessage());
    }
  }

  /// In the other order: who still translates, translates back, too.
  private static void clear(Path group) {
    CgroupHook hook = new CgroupHook(group);
    for (Program program : List.of(Program.values()).reversed()) {
      hook.clear(program.title, program.kind);
    }
  }

  private void release() {
    SocketMaps there = maps;
    maps = null;
    attached = List.of();
    if (there != null) {
      there.close();
    }
  }

  @Override
  public void close() {
    release();
    packets.close();
  }
}
