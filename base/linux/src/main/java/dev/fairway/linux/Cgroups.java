// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/// The control groups of this machine, whichever of the three layouts it has (cgroups(7)).
///
/// A name such as `fairway/lab/worker-0` means that directory in every hierarchy.
///
/// @param hierarchies where each is mounted
public record Cgroups(List<Hierarchy> hierarchies) {
  private static final Duration PATIENCE = Duration.ofSeconds(2);

  public Cgroups {
    hierarchies = List.copyOf(hierarchies);
  }

  /// One tree of groups.
  ///
  /// @param mount where it is mounted
  /// @param unified whether it is the one of version 2
  public record Hierarchy(Path mount, boolean unified) {}

  /// Which versions a machine has.
  public enum Layout {
    NONE,
    VERSION_1,
    VERSION_2,
    /// Controllers in version 1, and version 2 beside them to track processes.
    HYBRID
  }

  /// Finds what is mounted.
  public static Cgroups find() {
    return of(Mounts.list());
  }

  static Cgroups of(List<Mounts.Mount> mounts) {
    List<Hierarchy> found = new ArrayList<>();
    for (Mounts.Mount mount : mounts) {
      boolean unified = mount.type().equals("cgroup2");
      if ((unified || mount.type().equals("cgroup")) && mount.root().equals("/")) {
        found.add(new Hierarchy(mount.target(), unified));
      }
    }
    return new Cgroups(found);
  }

  /// Which versions this machine has.
  public Layout layout() {
    boolean two = hierarchies.stream().anyMatch(Hierarchy::unified);
    boolean one = hierarchies.stream().anyMatch(hierarchy -> !hierarchy.unified());
    return two && one
        ? Layout.HYBRID
        : two ? Layout.VERSION_2 : one ? Layout.VERSION_1 : Layout.NONE;
  }

  /// Where a group is in the hierarchy of version 2, whether it is there or not; nothing on a
  /// machine without one.
  public Optional<Path> unified(String name) {
    return hierarchies.stream()
        .filter(Hierarchy::unified)
        .findFirst()
        .map(hierarchy -> path(hierarchy, name));
  }

  /// The processes in a group and all groups below it.
  public List<Long> pids(String name) {
    TreeSet<Long> pids = new TreeSet<>();
    for (Hierarchy hierarchy : hierarchies) {
      for (Path directory : below(path(hierarchy, name))) {
        try {
          Files.readString(directory.resolve("cgroup.procs"))
              .lines()
              .map(Long::valueOf)
              .forEach(pids::add);
        } catch (IOException e) {
          // The group went away, or it is a threaded one whose processes its parent lists.
        }
      }
    }
    return List.copyOf(pids);
  }

  /// Makes a group in every hierarchy; one that is there is fine.
  public void create(String name) {
    for (Hierarchy hierarchy : hierarchies) {
      Path path = path(hierarchy, name);
      try {
        Files.createDirectories(path);
        for (Path at = hierarchy.mount();
            !hierarchy.unified() && !at.equals(path);
            at = at.resolve(at.relativize(path).getName(0))) {
          inheritCpuset(at, at.resolve(at.relativize(path).getName(0)));
        }
      } catch (IOException e) {
        throw new KernelException("mkdir", Errno.EACCES, path + ": " + e.getMessage());
      }
    }
  }

  /// A cpuset group of version 1 takes no process until it has processors and memory nodes.
  private static void inheritCpuset(Path parent, Path child) throws IOException {
    for (String file : List.of("cpuset.cpus", "cpuset.mems")) {
      Path own = child.resolve(file);
      if (Files.exists(own) && Files.readString(own).isBlank()) {
        Files.write(own, Files.readAllBytes(parent.resolve(file)), StandardOpenOption.WRITE);
      }
    }
  }

  /// Moves a process into a group of every hierarchy. What it starts from then on follows it.
  public void add(String name, long pid) {
    for (Hierarchy hierarchy : hierarchies) {
      Path file = path(hierarchy, name).resolve("cgroup.procs");
      try {
        byte[] text = Long.toString(pid).getBytes(StandardCharsets.US_ASCII);
        Files.write(file, text, StandardOpenOption.WRITE);
      } catch (IOException e) {
        throw new KernelException(
            "write", Errno.EACCES, "process " + pid + " to " + file + ": " + e.getMessage());
      }
    }
  }

  /// Removes a group and all below it from every hierarchy. Kills nothing; an absent one is fine.
  ///
  /// @throws KernelException EBUSY if processes are still in it after two seconds
  public void delete(String name) {
    for (Hierarchy hierarchy : hierarchies) {
      List<Path> directories = below(path(hierarchy, name));
      for (Path directory : directories.reversed()) {
        remove(directory);
      }
    }
  }

  /// The kernel lets go of a group a moment after its last process has ended.
  private static void remove(Path directory) {
    long start = System.nanoTime();
    while (true) {
      try {
        Files.deleteIfExists(directory);
        return;
      } catch (IOException e) {
        if (System.nanoTime() - start > PATIENCE.toNanos()) {
          throw new KernelException(
              "rmdir", Errno.EBUSY, directory + " (processes are still in it)");
        }
        LockSupport.parkNanos(5_000_000);
      }
    }
  }

  private static Path path(Hierarchy hierarchy, String name) {
    Path path = hierarchy.mount().resolve(name).normalize();
    if (!path.startsWith(hierarchy.mount()) || path.equals(hierarchy.mount())) {
      throw new IllegalArgumentException("\"" + name + "\" is not the name of a cgroup");
    }
    return path;
  }

  /// The directory and those below it, parents first; nothing if it is absent. Groups come and go
  /// while one looks, so one that went counts as not there.
  private static List<Path> below(Path top) {
    List<Path> found = new ArrayList<>();
    try {
      Files.walkFileTree(
          top,
          new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult preVisitDirectory(Path directory, BasicFileAttributes a) {
              found.add(directory);
              return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFileFailed(Path file, IOException problem)
                throws IOException {
              return unlessGone(problem);
            }

            @Override
            public FileVisitResult postVisitDirectory(Path directory, @Nullable IOException problem)
                throws IOException {
              return unlessGone(problem);
            }
          });
    } catch (IOException e) {
      throw new KernelException("readdir", Errno.EACCES, top + ": " + e.getMessage());
    }
    return found;
  }

  private static FileVisitResult unlessGone(@Nullable IOException problem) throws IOException {
    // Reading a directory of cgroupfs that was removed after it was opened fails with ENODEV.
    boolean gone =
        problem instanceof NoSuchFileException
            || (problem instanceof FileSystemException e && "No such device".equals(e.getReason()));
    if (problem != null && !gone) {
      throw problem;
    }
    return FileVisitResult.CONTINUE;
  }
}
