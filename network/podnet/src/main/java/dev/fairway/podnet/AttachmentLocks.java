// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet;

import dev.fairway.podnet.cni.CniRequest.Attachment;
import java.util.concurrent.locks.ReentrantLock;

/// What is done to one attachment is done by one at a time. Several share a lock, as there are only
/// so many.
final class AttachmentLocks {
  private static final int LOCKS = 64;

  private final ReentrantLock[] locks = new ReentrantLock[LOCKS];

  AttachmentLocks() {
    for (int i = 0; i < LOCKS; i++) {
      locks[i] = new ReentrantLock();
    }
  }

  ReentrantLock of(Attachment attachment) {
    return locks[Math.floorMod(attachment.containerId().hashCode(), LOCKS)];
  }
}
