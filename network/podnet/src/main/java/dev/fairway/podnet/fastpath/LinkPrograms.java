// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.fastpath;

import dev.fairway.linux.Errno;
import dev.fairway.linux.KernelException;
import dev.fairway.linux.Link;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.bpf.BpfProgram;
import dev.fairway.linux.bpf.TcxHook;
import dev.fairway.net.Bypass.Begun;
import dev.fairway.podnet.attach.Wire;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/// Which links carry our programs. One thread changes that; others may ask.
final class LinkPrograms implements AutoCloseable {
  private static final BpfProgram.Kind KIND = BpfProgram.Kind.LINK_INGRESS;

  private final TcxHook hook;
  private final Runnable quiet;

  // Guarded by this.
  private final Set<Integer> attached = new HashSet<>();

  /// The program of an earlier agent that was there first, which all of its links share the maps
  /// of: it is kept for what it has gathered.
  private Optional<BpfProgram> earlier = Optional.empty();

  /// Whether programs of an earlier agent are replaced or gone.
  private boolean settled;

  private boolean swept; // by the changing thread only

  /// @param quiet waits until few links are made: to attach stops all changes of links for a while
  LinkPrograms(NetworkNamespace machine, Runnable quiet) {
    hook = new TcxHook(machine);
    this.quiet = quiet;
  }

  /// Other programs from now on: all are to be put again.
  synchronized void forget() {
    attached.clear();
    swept = false;
  }

  /// Only these are left.
  synchronized void retain(Set<Integer> links) {
    attached.retainAll(links);
  }

  synchronized int count() {
    return attached.size();
  }

  synchronized void settle() {
    settled = true;
  }

  /// What the program of an earlier agent began.
  synchronized List<Begun> begunEarlier() {
    return earlier.map(FastPathMaps::begun).orElse(List.of());
  }

  /// Takes the program off links that lead to other nodes no more.
  ///
  /// @param arrivals the name of the program
  void sweep(List<Link> links, Set<Integer> toNodes, String arrivals) {
    for (Link link : links) {
      boolean had;
      synchronized (this) {
        had = !swept || attached.contains(link.index());
      }
      if (had
          && link.mac() != null
          && !toNodes.contains(link.index())
          && !Wire.isHostName(link.name())) {
        clear(link.index(), arrivals);
      }
    }
    swept = true;
  }

  /// Puts a program where an earlier one is.
  ///
  /// @return false if there is none
  boolean replace(int link, BpfProgram program) {
    synchronized (this) {
      if (attached.contains(link)) {
        return true;
      }
    }
    Optional<BpfProgram> before = find(link, program.name());
    before.ifPresent(old -> {
      synchronized (this) {
        if (settled || earlier.isPresent()) {
          old.close();
        } else {
          earlier = Optional.of(old);
        }
      }
      set(link, program);
    });
    return before.isPresent();
  }

  /// Puts a program where none is.
  void attach(int link, BpfProgram program) {
    quiet.run();
    set(link, program);
  }

  private void set(int link, BpfProgram program) {
    try {
      hook.set(link, program);
      synchronized (this) {
        attached.add(link);
      }
    } catch (KernelException e) {
      if (!isGone(e)) {
        throw e;
      }
    }
  }

  /// Takes a program off a link.
  void clear(int link, String name) {
    find(link, name)
        .ifPresent(program -> {
          program.close();
          quiet.run();
          hook.clear(link, name, KIND);
        });
  }

  private Optional<BpfProgram> find(int link, String name) {
    try {
      return hook.find(link, name, KIND);
    } catch (KernelException e) {
      if (!isGone(e)) {
        throw e;
      }
      return Optional.empty();
    }
  }

  private static boolean isGone(KernelException e) {
    return e.errno() == Errno.ENODEV || e.errno() == Errno.EINVAL;
  }

  @Override
  public synchronized void close() {
    earlier.ifPresent(BpfProgram::close);
    earlier = Optional.empty();
  }
}
