// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.cni;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.Optional;

/// One ADD, DEL or CHECK of the container runtime, checked.
///
/// @param command what to do
/// @param version how to answer
/// @param network the network's name
/// @param attachment which interface of which sandbox
/// @param netns the sandbox's network namespace; always there for ADD and CHECK
/// @param pod who the sandbox is for, if the runtime says it (`K8S_POD_*` in `CNI_ARGS`)
/// @param previous what the plugins before this one did, or, but for ADD, the whole chain
/// @param capabilities what is asked for besides
/// @param dns what the configuration says about names
/// @param delegate the plugin that gives the addresses (`ipam.type`); empty if the agent does
/// @param call as it came, for delegates
public record CniRequest(
    CniCommand command,
    CniVersion version,
    String network,
    Attachment attachment,
    Optional<Path> netns,
    Optional<Pod> pod,
    Optional<CniResult> previous,
    Capabilities capabilities,
    CniResult.Dns dns,
    Optional<String> delegate,
    CniCall call) {
  /// What the specification tells one attachment from another by, within a network.
  public record Attachment(String containerId, String interfaceName) {
    /// A name for files: 64 bits of FNV-1a of `containerId/interfaceName` in hex, as in
    /// `fairway-cni.c`.
    public String hash() {
      long hash = 0xcbf2_9ce4_8422_2325L;
      for (byte octet : toString().getBytes(StandardCharsets.UTF_8)) {
        hash = (hash ^ (octet & 0xff)) * 0x100_0000_01b3L;
      }
      return HexFormat.of().toHexDigits(hash);
    }

    @Override
    public String toString() {
      return containerId + "/" + interfaceName;
    }
  }

  /// The pod a sandbox was made for. Its `uid` outlives the sandbox.
  public record Pod(String namespace, String name, String uid) {
    @Override
    public String toString() {
      return namespace + "/" + name;
    }
  }
}
