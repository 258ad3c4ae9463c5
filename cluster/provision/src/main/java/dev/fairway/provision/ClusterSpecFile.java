// SPDX-License-Identifier: Apache-2.0
package dev.fairway.provision;

import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.stream.Stream;

/// Keeps a cluster's [ClusterSpec] beside its state, so that every later command and every process
/// of the cluster finds the same one.
public final class ClusterSpecFile {
  private static final Map<IpFamily, Prefix> MACHINES =
      Map.of(
          IpFamily.IPV4, Prefix.parse("10.240.0.0/16"),
          IpFamily.IPV6, Prefix.parse("fd00:10:240::/48"));
  private static final Map<IpFamily, Prefix> PODS =
      Map.of(
          IpFamily.IPV4, Prefix.parse("10.200.0.0/16"),
          IpFamily.IPV6, Prefix.parse("fd00:10:200::/48"));
  private static final Prefix SERVICES = Prefix.parse("10.32.0.0/16");
  private static final int MOST_CLUSTERS = 256;

  private ClusterSpecFile() {}

  /// The spec of a cluster that was made here, empty if there is none of that name.
  public static Optional<ClusterSpec> find(String cluster) {
    return read(ClusterPaths.of(cluster).specFile(), cluster);
  }

  /// A spec for a new cluster, on the first machine network that no other cluster here uses.
  public static ClusterSpec choose(
      String name, int workers, ClusterSpec.Backend backend, List<IpFamily> ipFamilies) {
    List<Prefix> used = new ArrayList<>();
    for (String other : clusters()) {
      find(other).ifPresent(spec -> used.addAll(spec.machineNetworks()));
    }
    for (int i = 0; i < MOST_CLUSTERS; i++) {
      List<Prefix> candidates = new ArrayList<>();
      List<Prefix> pods = new ArrayList<>();
      for (IpFamily family : ipFamilies) {
        candidates.add(MACHINES.get(family).subnet(family == IpFamily.IPV4 ? 24 : 64, i));
        pods.add(PODS.get(family));
      }
      if (Collections.disjoint(used, candidates)) {
        return new ClusterSpec(
            name, workers, backend, candidates, pods, SERVICES, ClusterSpec.Storage.EMBEDDED);
      }
    }
    throw new ProvisionException("every part of " + MACHINES + " is in use by a cluster here");
  }

  /// The names of the clusters that have a state directory here.
  public static List<String> clusters() {
    Path all = ClusterPaths.of("any").state().getParent();
    if (!Files.isDirectory(all)) {
      return List.of();
    }
    try (Stream<Path> directories = Files.list(all)) {
      return directories
          .map(directory -> directory.getFileName().toString())
          .filter(ClusterSpec::isName)
          .sorted()
          .toList();
    } catch (IOException e) {
      throw new ProvisionException(all + " cannot be read: " + e.getMessage(), e);
    }
  }

  public static void write(ClusterSpec spec) {
    Path file = ClusterPaths.of(spec.name()).specFile();
    String text =
        "# What this cluster is; read by each of its processes.\nworkers="
            + spec.workers()
            + "\nbackend="
            + spec.backend()
            + "\nmachineNetworks="
            + joined(spec.machineNetworks())
            + "\npodNetworks="
            + joined(spec.podNetworks())
            + "\nserviceNetwork="
            + spec.serviceNetwork()
            + "\nstorage="
            + spec.storage()
            + "\n";
    try {
      Files.createDirectories(file.getParent());
      // It holds every key, token and Secret of the cluster.
      Files.setPosixFilePermissions(file.getParent(), PosixFilePermissions.fromString("rwx------"));
      Pem.writeWhole(file, text, Pem.FOR_ALL);
    } catch (IOException e) {
      throw new ProvisionException(file + " cannot be written: " + e.getMessage(), e);
    }
  }

  private static Optional<ClusterSpec> read(Path file, String cluster) {
    if (!Files.exists(file)) {
      return Optional.empty();
    }
    Properties properties = new Properties();
    try (Reader reader = Files.newBufferedReader(file)) {
      properties.load(reader);
      return Optional.of(
          new ClusterSpec(
              cluster,
              Integer.parseInt(property(properties, "workers")),
              ClusterSpec.Backend.valueOf(property(properties, "backend").toUpperCase(Locale.ROOT)),
              prefixes(property(properties, "machineNetworks")),
              prefixes(property(properties, "podNetworks")),
              Prefix.parse(property(properties, "serviceNetwork")),
              ClusterSpec.Storage.valueOf(
                  properties.getProperty("storage", "embedded").toUpperCase(Locale.ROOT))));
    } catch (IOException | IllegalArgumentException e) {
      throw new ProvisionException(
          file
              + " is broken ("
              + e.getMessage()
              + "); ./fairway down --name "
              + cluster
              + " removes the cluster",
          e);
    }
  }

  private static String joined(List<Prefix> prefixes) {
    return String.join(",", prefixes.stream().map(Prefix::toString).toList());
  }

  private static List<Prefix> prefixes(String text) {
    return Arrays.stream(text.split(",")).map(Prefix::parse).toList();
  }

  private static String property(Properties properties, String name) {
    String value = properties.getProperty(name);
    if (value == null) {
      throw new IllegalArgumentException("no " + name);
    }
    return value;
  }
}
