// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.cni;

/// What `CNI_COMMAND` may ask of the agent. VERSION is answered by the executable itself.
public enum CniCommand {
  ADD(CniVersion.V0_1_0),
  DEL(CniVersion.V0_1_0),
  CHECK(CniVersion.V0_4_0),
  STATUS(CniVersion.V1_1_0),
  GC(CniVersion.V1_1_0);

  private final CniVersion since;

  CniCommand(CniVersion since) {
    this.since = since;
  }

  /// The version of the specification that brought it.
  CniVersion since() {
    return since;
  }
}
