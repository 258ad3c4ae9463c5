// SPDX-License-Identifier: Apache-2.0
package dev.fairway.provision;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/// Only one command at a time makes or takes away a cluster. The kernel lets go of the lock when
/// its holder ends, however it ends.
public final class ClusterLock implements AutoCloseable {
  private final FileChannel channel;

  private ClusterLock(FileChannel channel) {
    this.channel = channel;
  }

  /// Takes the lock, without waiting for it.
  ///
  /// @throws ProvisionException if another command works on this cluster
  @SuppressWarnings("resource") // the lock lives as long as its channel
  public static ClusterLock take(ClusterPaths paths) {
    Path file = paths.lockFile();
    try {
      Files.createDirectories(file.getParent());
      FileChannel channel =
          FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
      if (!isLocked(channel)) {
        channel.close();
        throw new ProvisionException(
            "another ./fairway up or down works on cluster "
                + paths.cluster()
                + " right now; wait until it is done");
      }
      return new ClusterLock(channel);
    } catch (IOException e) {
      throw new ProvisionException(file + " cannot be locked: " + e.getMessage(), e);
    }
  }

  private static boolean isLocked(FileChannel channel) throws IOException {
    try {
      FileLock lock = channel.tryLock();
      return lock != null;
    } catch (OverlappingFileLockException e) {
      return false; // held by this very process
    }
  }

  @Override
  public void close() {
    try {
      channel.close();
    } catch (IOException e) {
      throw new ProvisionException("a lock cannot be given back: " + e.getMessage(), e);
    }
  }
}
