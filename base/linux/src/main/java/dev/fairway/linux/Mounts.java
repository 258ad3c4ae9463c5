// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

import dev.fairway.linux.Native.MountCalls;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/// Mounts of this process's mount namespace (mount(2), proc_pid_mountinfo(5)).
public final class Mounts {
  private static final int MNT_DETACH = 2;
  private static final int UMOUNT_NOFOLLOW = 8;

  private Mounts() {}

  /// The flags of mount(2) that are in use here (`linux/mount.h`).
  public enum Flag {
    READ_ONLY(1, "ro"),
    NO_SET_UID(2, "nosuid"),
    NO_DEVICES(4, "nodev"),
    NO_EXEC(8, "noexec"),
    NO_DIRECTORY_TIMES(2048, "nodiratime"),
    REMOUNT(32, ""),
    BIND(4096, ""),
    RECURSIVE(16384, ""),
    PRIVATE(1 << 18, ""),
    SLAVE(1 << 19, ""),
    SHARED(1 << 20, "");

    private final long bit;
    private final String listed;

    /// @param listed how the mount table shows it, or empty if it does not
    Flag(long bit, String listed) {
      this.bit = bit;
      this.listed = listed;
    }

    private static Set<Flag> of(String listed) {
      EnumSet<Flag> flags = EnumSet.noneOf(Flag.class);
      List<String> words = Arrays.asList(listed.split(","));
      for (Flag flag : values()) {
        if (!flag.listed.isEmpty() && words.contains(flag.listed)) {
          flags.add(flag);
        }
      }
      return Collections.unmodifiableSet(flags);
    }
  }

  /// One line of the mount table.
  ///
  /// @param source what is mounted, as the file system names it
  /// @param target where
  /// @param root which part of the file system: `/`, or the directory that a bind mount shows
  /// @param flags of this mount, those that the table shows
  /// @param type the file system, such as `overlay`
  /// @param options the file system's own options, such as `lowerdir=…`
  public record Mount(
      String source, Path target, String root, Set<Flag> flags, String type, String options) {}

  /// Mounts a file system.
  ///
  /// @param options the file system's own options, comma separated, or empty
  public static void mount(
      String type, String source, Path target, Set<Flag> flags, String options) {
    long bits = 0;
    for (Flag flag : flags) {
      bits |= flag.bit;
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = Native.state(arena);
      MemorySegment typeText = type.isEmpty() ? MemorySegment.NULL : arena.allocateFrom(type);
      MemorySegment optionsText =
          options.isEmpty() ? MemorySegment.NULL : arena.allocateFrom(options);
      int result =
          (int)
              MountCalls.linked()
                  .mount()
                  .invokeExact(
                      state,
                      arena.allocateFrom(source),
                      arena.allocateFrom(target.toString()),
                      typeText,
                      bits,
                      optionsText);
      if (result < 0) {
        throw new KernelException("mount", Native.errno(state), source + " on " + target);
      }
    } catch (KernelException e) {
      throw e;
    } catch (Throwable t) {
      throw Native.impossible(t);
    }
  }

  /// Makes a file or directory show at a second place, which must exist.
  public static void bind(Path source, Path target) {
    mount("", source.toString(), target, Set.of(Flag.BIND), "");
  }

  /// As [#bind], and what is mounted below the source shows too.
  public static void bindRecursively(Path source, Path target) {
    mount("", source.toString(), target, Set.of(Flag.BIND, Flag.RECURSIVE), "");
  }

  /// As [#bind], but nothing can be written through it. The kernel needs two steps for that.
  public static void bindReadOnly(Path source, Path target) {
    bind(source, target);
    try {
      mount("", "none", target, Set.of(Flag.BIND, Flag.REMOUNT, Flag.READ_ONLY), "");
    } catch (KernelException e) {
      unmountLazily(target);
      throw e;
    }
  }

  /// Takes the topmost mount off a path at once; it ends when nobody uses it any more.
  ///
  /// @return whether there was one
  public static boolean unmountLazily(Path target) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = Native.state(arena);
      int result =
          (int)
              MountCalls.linked()
                  .umount2()
                  .invokeExact(
                      state, arena.allocateFrom(target.toString()), MNT_DETACH | UMOUNT_NOFOLLOW);
      if (result == 0) {
        return true;
      }
      int errno = Native.errno(state);
      if (errno == Errno.EINVAL || errno == Errno.ENOENT) {
        return false;
      }
      throw new KernelException("umount", errno, target.toString());
    } catch (KernelException e) {
      throw e;
    } catch (Throwable t) {
      throw Native.impossible(t);
    }
  }

  /// Every mount, in the kernel's order: a later one lies over an earlier one.
  public static List<Mount> list() {
    try {
      return parse(Files.readString(Path.of("/proc/self/mountinfo"), StandardCharsets.ISO_8859_1));
    } catch (IOException e) {
      throw new KernelException("read", Errno.ENOENT, "/proc/self/mountinfo (is /proc mounted?)");
    }
  }

  /// Unmounts everything at and below a path, the last mounted first.
  ///
  /// @return how many mounts there were
  public static int unmountUnder(Path top) {
    Path absolute = top.toAbsolutePath().normalize();
    int count = 0;
    List<Mount> mounts = list();
    for (int i = mounts.size() - 1; i >= 0; i--) {
      Path target = mounts.get(i).target();
      if (target.startsWith(absolute) && unmountLazily(target)) {
        count++;
      }
    }
    return count;
  }

  /// Reads mountinfo's text. Lines that do not have its form are left out.
  static List<Mount> parse(String text) {
    List<Mount> mounts = new ArrayList<>();
    for (String line : text.split("\n")) {
      String[] fields = line.split(" ");
      int dash = 6;
      while (dash < fields.length && !fields[dash].equals("-")) {
        dash++;
      }
      if (dash + 2 >= fields.length || fields[4].indexOf('\0') >= 0) {
        continue;
      }
      mounts.add(
          new Mount(
              unescape(fields[dash + 2]),
              Path.of(unescape(fields[4])),
              unescape(fields[3]),
              Flag.of(fields[5]),
              fields[dash + 1],
              dash + 3 < fields.length ? unescape(fields[dash + 3]) : ""));
    }
    return mounts;
  }

  /// Space, tab, newline and backslash stand as `\` and three octal digits; the bytes are UTF-8.
  static String unescape(String escaped) {
    byte[] bytes = new byte[escaped.length()];
    int length = 0;
    for (int i = 0; i < escaped.length(); i++) {
      char c = escaped.charAt(i);
      int octal = c == '\\' && i + 3 < escaped.length() ? octal(escaped, i + 1) : -1;
      if (octal > 0) {
        bytes[length++] = (byte) octal;
        i += 3;
      } else {
        bytes[length++] = (byte) c;
      }
    }
    return new String(bytes, 0, length, StandardCharsets.UTF_8);
  }

  private static int octal(String text, int from) {
    int value = 0;
    for (int i = from; i < from + 3; i++) {
      int digit = text.charAt(i) - '0';
      if (digit < 0 || digit > 7) {
        return -1;
      }
      value = value * 8 + digit;
    }
    return value <= 255 ? value : -1;
  }
}
