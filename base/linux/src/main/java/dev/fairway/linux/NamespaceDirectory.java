// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

import dev.fairway.linux.Mounts.Flag;
import dev.fairway.linux.Mounts.Mount;
import dev.fairway.linux.Native.LockCalls;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import org.jspecify.annotations.Nullable;

/// `/run/netns`, where ip-netns(8) and container runtimes keep the files of named namespaces.
///
/// The first `ip netns add` binds the directory over itself, with all that is mounted in it, and
/// shares it between mount namespaces. What was there before lies under that mount afterwards, out
/// of reach, and its file cannot be removed any more (EBUSY). So the mount is made before the first
/// file, and taken away with the last one if nobody else made it. Changes are made under the lock
/// that `ip` takes, on the directory itself.
///
/// Other directories are nobody's habit, and stay what they are.
final class NamespaceDirectory implements AutoCloseable {
  private static final Path SHARED = Path.of("/run/netns");

  /// None of this matters to files of namespaces, and `ip` leaves all of it as it is on `/run`. So
  /// it tells our mount from others, for as long as the mount lasts.
  private static final EnumSet<Flag> MARK =
      EnumSet.of(Flag.NO_SET_UID, Flag.NO_DEVICES, Flag.NO_EXEC, Flag.NO_DIRECTORY_TIMES);

  private final @Nullable Fd lock;

  private NamespaceDirectory(@Nullable Fd lock) {
    this.lock = lock;
  }

  /// Locks the directory of a namespace's file, which is made if there is none.
  static NamespaceDirectory of(Path file) {
    Path directory = file.toAbsolutePath().getParent();
    boolean isShared;
    try {
      Files.createDirectories(directory);
      isShared = directory.toRealPath().equals(SHARED); // through /var/run, too
    } catch (IOException e) {
      throw new KernelException("mkdir", Errno.EACCES, directory + ": " + e.getMessage());
    }
    return isShared ? locked() : new NamespaceDirectory(null);
  }

  private static NamespaceDirectory locked() {
    int exclusive = 2;
    Fd fd = Native.open(SHARED.toString());
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = Native.state(arena);
      int result;
      do {
        result = (int) LockCalls.linked().flock().invokeExact(state, fd.number(), exclusive);
      } while (result < 0 && Native.errno(state) == Errno.EINTR);
      if (result < 0) {
        throw new KernelException("flock", Native.errno(state), SHARED.toString());
      }
      return new NamespaceDirectory(fd);
    } catch (KernelException e) {
      fd.close();
      throw e;
    } catch (Throwable t) {
      fd.close();
      throw Native.impossible(t);
    }
  }

  /// To call before a file is made.
  void share() {
    if (lock == null || topmost() != null) {
      return;
    }
    Mounts.bindRecursively(SHARED, SHARED);
    try {
      Mounts.mount("", "none", SHARED, EnumSet.of(Flag.SHARED, Flag.RECURSIVE), "");
      EnumSet<Flag> marked = EnumSet.of(Flag.BIND, Flag.REMOUNT);
      marked.addAll(MARK);
      Mounts.mount("", "none", SHARED, marked, "");
    } catch (KernelException e) {
      Mounts.unmountLazily(SHARED);
      throw e;
    }
  }

  /// The mount that the directory is, unless it is none or lies under a later one of `/run`.
  private static @Nullable Mount topmost() {
    for (Mount mount : Mounts.list().reversed()) {
      if (SHARED.startsWith(mount.target())) {
        return mount.target().equals(SHARED) ? mount : null;
      }
    }
    return null;
  }

  private static boolean isMarked(@Nullable Mount mount) {
    return mount != null && mount.flags().containsAll(MARK);
  }

  private static boolean isEmpty() {
    try (DirectoryStream<Path> files = Files.newDirectoryStream(SHARED)) {
      return !files.iterator().hasNext();
    } catch (IOException e) {
      return false;
    }
  }

  /// Unlocks it. If nothing is in it any more, a mount of ours goes first.
  @Override
  public void close() {
    if (lock == null) {
      return;
    }
    try {
      if (isEmpty() && isMarked(topmost())) {
        Mounts.unmountLazily(SHARED);
      }
    } finally {
      lock.close();
    }
  }
}
