// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;

/// Kernel settings under `/proc/sys`.
///
/// A name is written with dots, `net.ipv4.ip_forward`, or with slashes,
/// `net/ipv4/conf/eth0.5/rp_filter`, where a part itself has a dot. Settings under `net` are those
/// of the calling thread's network namespace.
public final class Sysctls {
  private Sysctls() {}

  /// A setting of the current namespace, without its line end.
  ///
  /// @throws KernelException ENOENT if this kernel has no such setting
  public static String read(String name) {
    try {
      return Files.readString(path(name)).strip();
    } catch (IOException e) {
      throw refused(name, "", e);
    }
  }

  /// A setting of another namespace.
  public static String read(NetworkNamespace namespace, String name) {
    return namespace.call(() -> read(name));
  }

  /// Sets one of the current namespace.
  ///
  /// @throws KernelException ENOENT if this kernel has no such setting, EINVAL if it takes no such
  ///   value
  public static void write(String name, String value) {
    try {
      Files.write(path(name), value.getBytes(StandardCharsets.UTF_8), StandardOpenOption.WRITE);
    } catch (IOException e) {
      throw refused(name, " = " + value, e);
    }
  }

  /// Sets several of another namespace, in the map's order.
  public static void write(NetworkNamespace namespace, Map<String, String> values) {
    namespace.call(() -> {
      values.forEach(Sysctls::write);
      return true;
    });
  }

  private static Path path(String name) {
    String relative = name.indexOf('/') >= 0 ? name : name.replace('.', '/');
    Path root = Path.of("/proc/sys");
    Path path = root.resolve(relative).normalize();
    if (!path.startsWith(root) || path.equals(root)) {
      throw new IllegalArgumentException("\"" + name + "\" is not the name of a kernel setting");
    }
    return path;
  }

  private static KernelException refused(String name, String value, IOException e) {
    if (e instanceof NoSuchFileException) {
      return new KernelException("sysctl", Errno.ENOENT, name + value);
    }
    String reason = String.valueOf(e.getMessage());
    int errno = reason.contains("Invalid argument") ? Errno.EINVAL : Errno.EACCES;
    return new KernelException("sysctl", errno, name + value, reason);
  }
}
