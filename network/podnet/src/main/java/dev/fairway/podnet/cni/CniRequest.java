// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.cni;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/// One call of the container runtime, checked.
///
/// @param command what to do
/// @param version how to answer
/// @param network the network's name
/// @param attachment which interface of which sandbox
/// @param netns the sandbox's network namespace; always there for ADD and CHECK
/// @param pod who the sandbox is for, if the runtime says it (`K8S_POD_*` in `CNI_ARGS`)
/// @param previous the addresses of `prevResult`, as text; empty without one
public record CniRequest(
    CniCommand command,
    CniVersion version,
    String network,
    Attachment attachment,
    Optional<Path> netns,
    Optional<Pod> pod,
    Optional<List<String>> previous) {
  public CniRequest {
    previous = previous.map(List::copyOf);
  }

  /// What the specification tells one attachment from another by.
  public record Attachment(String containerId, String interfaceName) {
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
