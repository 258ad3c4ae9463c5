// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// The machine as a node reports it.
record Machine(
    int cpus,
    long memoryBytes,
    String kernelVersion,
    String osImage,
    String architecture,
    String machineId,
    String bootId) {

  static Machine read() {
    return new Machine(
        Runtime.getRuntime().availableProcessors(),
        memory(),
        System.getProperty("os.version", ""),
        readOsImage(),
        readArchitecture(),
        firstLine("/etc/machine-id"),
        firstLine("/proc/sys/kernel/random/boot_id"));
  }

  private static String readArchitecture() {
    String arch = System.getProperty("os.arch", "");
    return switch (arch) {
      case "x86_64" -> "amd64";
      case "aarch64" -> "arm64";
      default -> arch;
    };
  }

  /// From `MemTotal: 24681234 kB`, proc_meminfo(5).
  private static long memory() {
    for (String line : lines("/proc/meminfo")) {
      if (line.startsWith("MemTotal:")) {
        return Long.parseLong(line.replaceAll("\\D", "")) * 1024;
      }
    }
    return Runtime.getRuntime().maxMemory();
  }

  private static String readOsImage() {
    for (String line : lines("/etc/os-release")) {
      if (line.startsWith("PRETTY_NAME=")) {
        return line.substring("PRETTY_NAME=".length()).replace("\"", "");
      }
    }
    return "Linux";
  }

  private static String firstLine(String file) {
    String[] lines = lines(file);
    return lines.length == 0 ? "" : lines[0];
  }

  private static String[] lines(String file) {
    try {
      return Files.readString(Path.of(file)).split("\n");
    } catch (IOException e) {
      return new String[0];
    }
  }
}
