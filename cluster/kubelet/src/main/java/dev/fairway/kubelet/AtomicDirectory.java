// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.UUID;

/// A directory whose files change all at once.
///
/// The files live in a hidden directory; `..data` links to it, and each visible name links through
/// `..data`. A new version is written beside the old one and the one link is renamed over, so a
/// reader sees either all old or all new files. Programs that watch such volumes rely on this
/// layout.
final class AtomicDirectory {
  private static final String DATA = "..data";
  private static final String VERSION_PREFIX = "..v";

  private static final Set<PosixFilePermission> OWNER_ONLY =
      Set.of(PosixFilePermission.OWNER_READ, PosixFilePermission.OWNER_WRITE);

  private AtomicDirectory() {}

  /// One file's bytes and permission bits, such as `0644` octal.
  record Content(byte[] bytes, int mode) {
    @Override
    public boolean equals(Object other) {
      return other instanceof Content c && mode == c.mode && Arrays.equals(bytes, c.bytes);
    }

    @Override
    public int hashCode() {
      return Arrays.hashCode(bytes) * 31 + mode;
    }
  }

  /// Makes the directory hold exactly these files, named by relative paths.
  ///
  /// @param group whom the files belong to, who may then read them whatever their mode says
  /// @return true if something changed
  static boolean write(Path directory, Map<String, Content> files, OptionalInt group)
      throws IOException {
    Files.createDirectories(directory);
    Path link = directory.resolve(DATA);
    Optional<Path> old = version(directory, link);
    if (old.isPresent() && same(old.get(), files, group)) {
      return false;
    }
    Path version =
        directory.resolve(VERSION_PREFIX + UUID.randomUUID().toString().replace("-", ""));
    Files.createDirectory(version);
    Set<String> names = new LinkedHashSet<>();
    for (var file : files.entrySet()) {
      Path target = version.resolve(file.getKey()).normalize();
      if (!target.startsWith(version) || target.equals(version)) {
        throw new IOException("the path '" + file.getKey() + "' leaves its volume");
      }
      Files.createDirectories(target.getParent());
      create(target, file.getValue(), group);
      names.add(version.relativize(target).getName(0).toString());
    }
    Path next = directory.resolve("..data_next");
    Files.deleteIfExists(next);
    Files.createSymbolicLink(next, version.getFileName());
    Files.move(next, link, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    linkNames(directory, names);
    if (old.isPresent()) {
      delete(old.get());
    }
    return true;
  }

  /// Removes a directory with all in it, never following links. One that is gone is fine.
  static void delete(Path directory) throws IOException {
    if (!Files.exists(directory, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    Files.walkFileTree(
        directory,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
              throws IOException {
            Files.deleteIfExists(file);
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult visitFileFailed(Path file, IOException problem)
              throws IOException {
            if (problem instanceof NoSuchFileException) {
              return FileVisitResult.CONTINUE;
            }
            throw problem;
          }

          @Override
          public FileVisitResult postVisitDirectory(Path visited, IOException problem)
              throws IOException {
            if (problem != null) {
              throw problem;
            }
            Files.deleteIfExists(visited);
            return FileVisitResult.CONTINUE;
          }
        });
  }

  /// The version the link names, if it is one of ours. What a link says is not trusted: the version
  /// is deleted later, and a link that leads elsewhere would have us delete that.
  private static Optional<Path> version(Path directory, Path link) throws IOException {
    if (!Files.isSymbolicLink(link)) {
      return Optional.empty();
    }
    Path target = Files.readSymbolicLink(link);
    boolean ours =
        !target.isAbsolute()
            && target.getNameCount() == 1
            && target.toString().startsWith(VERSION_PREFIX);
    return ours ? Optional.of(directory.resolve(target)) : Optional.empty();
  }

  /// The file has its permissions before it has its bytes, so that a secret is never readable by
  /// more than it should be.
  private static void create(Path file, Content content, OptionalInt group) throws IOException {
    try (var channel =
        Files.newByteChannel(
            file,
            Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
            PosixFilePermissions.asFileAttribute(OWNER_ONLY))) {
      if (group.isPresent()) {
        Files.setAttribute(file, "unix:gid", group.getAsInt(), LinkOption.NOFOLLOW_LINKS);
      }
      Files.setPosixFilePermissions(file, permissions(content, group));
      ByteBuffer bytes = ByteBuffer.wrap(content.bytes());
      while (bytes.hasRemaining()) {
        channel.write(bytes);
      }
    }
  }

  private static void linkNames(Path directory, Set<String> names) throws IOException {
    for (String name : names) {
      Path visible = directory.resolve(name);
      if (!Files.isSymbolicLink(visible)) {
        Files.createSymbolicLink(visible, Path.of(DATA, name));
      }
    }
    try (var entries = Files.newDirectoryStream(directory)) {
      for (Path entry : entries) {
        String name = entry.getFileName().toString();
        // A directory here is a place for another mount.
        boolean stale = !name.startsWith("..") && !names.contains(name);
        if (stale && Files.isSymbolicLink(entry)) {
          Files.delete(entry);
        }
      }
    }
  }

  private static boolean same(Path version, Map<String, Content> files, OptionalInt group)
      throws IOException {
    if (!Files.isDirectory(version, LinkOption.NOFOLLOW_LINKS)) {
      return false;
    }
    long count;
    try (var all = Files.walk(version)) {
      count = all.filter(Files::isRegularFile).count();
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
    if (count != files.size()) {
      return false;
    }
    for (var file : files.entrySet()) {
      Path path = version.resolve(file.getKey());
      Content content = file.getValue();
      if (!Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS)
          || !Arrays.equals(Files.readAllBytes(path), content.bytes())
          || !Files.getPosixFilePermissions(path).equals(permissions(content, group))
          || !belongs(path, group)) {
        return false;
      }
    }
    return true;
  }

  private static boolean belongs(Path file, OptionalInt group) throws IOException {
    return group.isEmpty() || Files.getAttribute(file, "unix:gid").equals(group.getAsInt());
  }

  private static Set<PosixFilePermission> permissions(Content content, OptionalInt group) {
    int mode = content.mode() | (group.isPresent() ? 0440 : 0);
    PosixFilePermission[] bits =
        PosixFilePermission.values(); // owner read first, others execute last
    Set<PosixFilePermission> set = EnumSet.noneOf(PosixFilePermission.class);
    for (int i = 0; i < bits.length; i++) {
      if ((mode & (0400 >> i)) != 0) {
        set.add(bits[i]);
      }
    }
    return set;
  }
}
