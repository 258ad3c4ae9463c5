// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.ebpf;

import dev.fairway.linux.bpf.BpfMap;
import dev.fairway.linux.bpf.BpfProgram;
import dev.fairway.linux.bpf.CgroupHook;
import dev.fairway.traffic.rules.Front;
import java.nio.file.Path;

/// What somebody with `bpftool map delete` could do to the maps of a control group's programs.
public final class BrokenMaps {
  private BrokenMaps() {}

  /// Takes a front away from under the programs.
  ///
  /// @param room what the map has room for
  public static void forget(Path cgroup, Front front, int room) {
    try (BpfProgram program =
            new CgroupHook(cgroup)
                .find("fw_svc_connect4", BpfProgram.Kind.CGROUP_CONNECT_IPV4)
                .orElseThrow();
        BpfMap<Front, SocketLayout.Way> fronts =
            BpfMap.of(
                    program,
                    new BpfMap.Spec<>(
                        BpfMap.Kind.SPARSE_HASH,
                        SocketMaps.FRONTS,
                        SocketLayout.FRONT,
                        SocketLayout.WAY,
                        room))
                .orElseThrow()) {
      fronts.remove(front);
    }
  }
}
