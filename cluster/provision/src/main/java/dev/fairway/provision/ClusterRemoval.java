// SPDX-License-Identifier: Apache-2.0
package dev.fairway.provision;

import dev.fairway.linux.Cgroups;
import dev.fairway.linux.Mounts;
import dev.fairway.linux.NetworkNamespace;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.ConnectException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/// Takes a cluster away, in whatever state it is: whole, half-made, or crashed.
///
/// Nothing is remembered about what was made. Processes are those in the cluster's control group,
/// mounts and files those below its directories, namespaces and links those of its name.
public final class ClusterRemoval {
  private static final Duration GRACE = Duration.ofSeconds(3);
  private static final Duration DEADLINE = Duration.ofSeconds(20);
  private static final Duration POLL = Duration.ofMillis(10);
  private static final Duration SOCKET_IS_BEING_MADE = Duration.ofSeconds(10);
  private static final Path SHIM_SOCKETS = Path.of("/run/containerd/s");

  private final ClusterPaths paths;

  public ClusterRemoval(ClusterPaths paths) {
    this.paths = paths;
  }

  /// Whether there is anything to take away.
  public boolean isNeeded() {
    return Files.exists(paths.state())
        || Files.exists(paths.run())
        || !Cgroups.find().pids(paths.cgroup()).isEmpty()
        || !namespaces().isEmpty();
  }

  /// Ends the cluster's processes: the API server in good order, the rest at once.
  public void endProcesses() throws InterruptedException {
    signal(false);
    long grace = System.nanoTime() + GRACE.toNanos();
    while (jvmsRun() && System.nanoTime() < grace) {
      Thread.sleep(POLL);
    }
    long deadline = System.nanoTime() + DEADLINE.toNanos();
    while (signal(true)) {
      if (System.nanoTime() > deadline) {
        throw new ProvisionException(
            "processes "
                + Cgroups.find().pids(paths.cgroup())
                + " of cluster "
                + paths.cluster()
                + " do not end; they may hang in the kernel, see /proc/PID/stack");
      }
      Thread.sleep(POLL);
    }
  }

  /// Only the API server has something to finish.
  private boolean jvmsRun() {
    ClusterSpec spec = ClusterSpecFile.find(paths.cluster()).orElse(null);
    return spec != null
        && new MachineProcess(paths, spec.controller(), LocalCluster.FAIRWAY).pid().isPresent();
  }

  private boolean signal(boolean byForce) {
    List<Long> pids = Cgroups.find().pids(paths.cgroup());
    for (long pid : pids) {
      ProcessHandle.of(pid)
          .ifPresent(process -> {
            if (byForce) {
              process.destroyForcibly();
            } else {
              process.destroy();
            }
          });
    }
    return !pids.isEmpty();
  }

  /// Takes away what the processes left: mounts, namespaces, links, rules, groups, files.
  public void removeTraces() {
    List<Path> sockets = shimSockets();
    Mounts.unmountUnder(paths.run());
    Mounts.unmountUnder(paths.state());
    refuseMountsLeft();
    namespaces().forEach(NetworkNamespace::delete);
    MachineNetwork.removeBridge(paths);
    WayOut.close(paths);
    Cgroups.find().delete(paths.cgroup());
    for (Path socket : sockets) {
      deleteTree(socket);
    }
    removeDeadSockets();
    removeIfEmpty(SHIM_SOCKETS);
    removeIfEmpty(SHIM_SOCKETS.resolveSibling("fifo"));
    removeIfEmpty(SHIM_SOCKETS.getParent());
    deleteTree(paths.run());
    deleteTree(paths.state());
    removeIfEmpty(paths.run().getParent());
    removeIfEmpty(paths.state().getParent());
  }

  /// A mount that stayed could lead the removal of files to somebody else's.
  private void refuseMountsLeft() {
    for (Mounts.Mount mount : Mounts.list()) {
      if (mount.target().startsWith(paths.run()) || mount.target().startsWith(paths.state())) {
        throw new ProvisionException(
            mount.target() + " is still mounted; umount it, then run ./fairway down again");
      }
    }
  }

  private List<Path> namespaces() {
    Path directory = Path.of("/run/netns");
    if (!Files.isDirectory(directory)) {
      return List.of();
    }
    try (Stream<Path> all = Files.list(directory)) {
      return all.filter(f -> paths.isNamespaceOfThisCluster(f.getFileName().toString())).toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// containerd's shims keep their sockets outside of its own directories, and note where.
  private List<Path> shimSockets() {
    List<Path> sockets = new ArrayList<>();
    if (!Files.isDirectory(paths.run())) {
      return sockets;
    }
    String prefix = "unix://";
    try (Stream<Path> files = Files.find(paths.run(), 6, (f, a) -> f.endsWith("address"))) {
      for (Path file : (Iterable<Path>) files::iterator) {
        String address = Files.readString(file, StandardCharsets.UTF_8).strip();
        if (address.startsWith(prefix + SHIM_SOCKETS)) {
          sockets.add(Path.of(address.substring(prefix.length())));
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return sockets;
  }

  /// The socket of a shim that was killed stays, and nothing tells whose it was. Its name, a hash
  /// of the container's id, never comes again; so a socket nobody listens at is of no use to
  /// anybody.
  private static void removeDeadSockets() {
    if (!Files.isDirectory(SHIM_SOCKETS)) {
      return;
    }
    Instant old = Instant.now().minus(SOCKET_IS_BEING_MADE);
    try (DirectoryStream<Path> sockets = Files.newDirectoryStream(SHIM_SOCKETS)) {
      for (Path socket : sockets) {
        if (Files.getLastModifiedTime(socket).toInstant().isBefore(old) && !listens(socket)) {
          Files.deleteIfExists(socket);
        }
      }
    } catch (IOException | DirectoryIteratorException e) {
      throw new ProvisionException(SHIM_SOCKETS + " cannot be cleaned: " + e.getMessage(), e);
    }
  }

  private static boolean listens(Path socket) {
    try (SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX)) {
      return channel.connect(UnixDomainSocketAddress.of(socket));
    } catch (ConnectException e) {
      return false;
    } catch (IOException e) {
      return true; // another reason is no proof
    }
  }

  private static void removeIfEmpty(Path directory) {
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
      if (!entries.iterator().hasNext()) {
        Files.delete(directory);
      }
    } catch (IOException e) {
      // Absent, or in use by somebody else: either way it is not ours to remove.
      return;
    }
  }

  private static void deleteTree(Path top) {
    if (!Files.exists(top, java.nio.file.LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    try {
      Files.walkFileTree(
          top,
          new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
                throws IOException {
              Files.delete(file);
              return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult postVisitDirectory(Path directory, IOException problem)
                throws IOException {
              Files.delete(directory);
              return FileVisitResult.CONTINUE;
            }
          });
    } catch (IOException e) {
      throw new ProvisionException(top + " cannot be removed: " + e.getMessage(), e);
    }
  }
}
