// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.cni;

/// What `CNI_COMMAND` may ask of the agent. VERSION is answered by the executable itself.
public enum CniCommand {
  ADD,
  DEL,
  CHECK
}
