// SPDX-License-Identifier: Apache-2.0
package dev.fairway.fairway;

import dev.fairway.provision.ClusterPaths;
import dev.fairway.provision.ClusterSpec;
import dev.fairway.provision.Machine;
import dev.fairway.provision.Pki;
import dev.fairway.provision.ProvisionException;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// The command lines of the cluster's long-running processes.
final class JavaCommand {
  /// What the jars of the library for certificates are called by, and of its ciphers among them.
  private static final String CERTIFICATES = "bc";

  private static final String CIPHERS = "bcprov";

  private JavaCommand() {}

  static List<String> server(ClusterSpec spec, Machine machine) {
    return command("512m", "server", spec, machine);
  }

  static List<String> node(ClusterSpec spec, Machine machine) {
    return command("256m", "node", spec, machine);
  }

  private static List<String> command(String heap, String role, ClusterSpec spec, Machine machine) {
    List<String> words = new ArrayList<>();
    words.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    words.add("--enable-native-access=ALL-UNNAMED");
    words.add("-XX:+UseSerialGC");
    // Four of these start at once on two cores: the optimising compiler would take most of both.
    words.add("-XX:TieredStopAtLevel=1");
    words.add("-Xmx" + heap);
    words.add("-XX:+ExitOnOutOfMemoryError");
    // Its file in /tmp would outlive a killed process.
    words.add("-XX:-UsePerfData");
    words.add("-Dorg.slf4j.simpleLogger.showDateTime=true");
    words.add("-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX");
    words.add("-Dorg.slf4j.simpleLogger.showThreadName=false");
    words.add("-Dorg.slf4j.simpleLogger.showShortLogName=true");
    // It warns of every kind whose version is not final, our own among them.
    words.add(
        "-Dorg.slf4j.simpleLogger.log.io.fabric8.kubernetes.client.dsl.internal.VersionUsageUtils"
            + "=error");
    words.addAll(startUp(role));
    words.add("-cp");
    words.add(classPath(spec));
    words.add(Main.class.getName());
    words.addAll(List.of(role, "--name", spec.name(), "--machine", machine.name()));
    return words;
  }

  /// Without the library that makes certificates, which only `up` does: where Netty finds it, it
  /// loads all of it to read one key. Sorted, because an AOT cache belongs to one class path, and
  /// to those that begin with it.
  private static String classPath(ClusterSpec spec) {
    return Stream.concat(
            jars().filter(jar -> !isNamed(jar, CERTIFICATES)),
            jars().filter(jar -> isNamed(jar, CIPHERS) && usesSecretbox(spec)))
        .collect(Collectors.joining(File.pathSeparator));
  }

  private static Stream<String> jars() {
    return Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator)).sorted();
  }

  private static boolean isNamed(String jar, String prefix) {
    return Path.of(jar).getFileName().toString().startsWith(prefix);
  }

  /// Of all ways to encrypt the store, the one that the JDK does not have.
  private static boolean usesSecretbox(ClusterSpec spec) {
    Path file = Pki.encryptionConfiguration(ClusterPaths.of(spec.name()));
    try {
      return Files.exists(file) && Files.readString(file).contains("secretbox");
    } catch (IOException e) {
      throw new ProvisionException(file + " cannot be read: " + e.getMessage(), e);
    }
  }

  /// A process that a cache of loaded and linked classes stands by starts in a fraction of the time
  /// (JEP 483, JEP 514). The build makes the caches by running a small cluster once.
  private static List<String> startUp(String role) {
    Path library = Path.of(System.getProperty("fairway.lib"));
    Path caches = library.resolveSibling("aot");
    if (System.getenv("FAIRWAY_TRAINING") != null) {
      return List.of(
          "-XX:AOTMode=record", "-XX:AOTConfiguration=" + caches.resolve(role + ".conf"));
    }
    Path cache = caches.resolve(role + ".aot");
    return isFresh(cache, library) ? List.of("-XX:AOTCache=" + cache) : List.of();
  }

  /// The JVM does not see that a jar has changed since, and would run the old classes.
  private static boolean isFresh(Path cache, Path library) {
    File[] jars = library.toFile().listFiles();
    long made = cache.toFile().lastModified();
    if (made == 0 || jars == null) {
      return false;
    }
    for (File jar : jars) {
      if (jar.lastModified() > made) {
        return false;
      }
    }
    return true;
  }
}
