// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayDeque;
import java.util.Deque;

/// A part of a volume, made if it is missing.
///
/// The pod writes in the volume and we have all rights, so no link in it is followed by the kernel
/// for us: each step is looked at by itself, and links are followed here, as long as they stay in
/// the volume.
final class SubPath {
  private static final int MAX_LINKS = 40; // the kernel's own limit, path_resolution(7)

  private final Path root;
  private final Deque<Path> ahead = new ArrayDeque<>();
  private int links;

  private SubPath(Path root) {
    this.root = root;
  }

  /// New directories have the volume's mode and group, so whoever may write there may write in
  /// them.
  ///
  /// @param wanted relative, without `..`
  /// @return the real path
  /// @throws IOException if it leads out of the volume, or the file system fails
  static Path of(Path volume, Path wanted) throws IOException {
    for (Path name : wanted) {
      if (wanted.isAbsolute() || name.toString().equals("..")) {
        throw new IOException("it must be relative and without '..'");
      }
    }
    return new SubPath(volume.toRealPath()).walk(wanted);
  }

  private Path walk(Path wanted) throws IOException {
    push(wanted);
    Path reached = root;
    while (!ahead.isEmpty()) {
      Path name = ahead.pop();
      switch (name.toString()) {
        case "", "." -> {}
        case ".." -> {
          if (reached.equals(root)) {
            throw new IOException("a link in it leads out of the volume");
          }
          reached = reached.getParent();
        }
        default -> reached = step(reached, name);
      }
    }
    requireReal(reached);
    return reached;
  }

  private Path step(Path parent, Path name) throws IOException {
    Path next = parent.resolve(name);
    BasicFileAttributes found;
    try {
      found = look(next);
    } catch (NoSuchFileException _) {
      create(parent, next);
      found = look(next);
    }
    if (found.isSymbolicLink()) {
      follow(next);
      return parent;
    }
    if (!ahead.isEmpty() && !found.isDirectory()) {
      throw new IOException("'" + root.relativize(next) + "' is not a directory");
    }
    return next;
  }

  private void follow(Path link) throws IOException {
    Path target = Files.readSymbolicLink(link);
    links++;
    if (target.isAbsolute() || links > MAX_LINKS) {
      throw new IOException("a link in it leads out of the volume, or in circles");
    }
    push(target);
  }

  private void push(Path path) {
    for (int i = path.getNameCount() - 1; i >= 0; i--) {
      ahead.push(path.getName(i));
    }
  }

  private void create(Path parent, Path directory) throws IOException {
    requireReal(parent);
    try {
      Files.createDirectory(directory);
    } catch (FileAlreadyExistsException _) {
      return; // somebody was faster; what it is, the caller looks at
    }
    requireReal(directory);
    // The group first: the kernel may take the set-group-id bit away when it changes.
    copy("unix:gid", -1, directory);
    copy("unix:mode", 07777, directory);
  }

  private void copy(String attribute, int mask, Path to) throws IOException {
    int value = (Integer) Files.getAttribute(root, attribute, LinkOption.NOFOLLOW_LINKS);
    Files.setAttribute(to, attribute, value & mask, LinkOption.NOFOLLOW_LINKS);
  }

  /// What was a directory a moment ago may be a link by now.
  private static void requireReal(Path path) throws IOException {
    if (!path.toRealPath().equals(path)) {
      throw new IOException("it changed while it was looked at");
    }
  }

  private static BasicFileAttributes look(Path path) throws IOException {
    return Files.readAttributes(path, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
  }
}
