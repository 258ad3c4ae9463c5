// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet;

import dev.fairway.podnet.settings.InvalidSettings;
import dev.fairway.podnet.settings.PodNetworkSettings;
import dev.fairway.reconcile.ObjectKey;
import io.fabric8.kubernetes.api.model.ConfigMap;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The settings that count: those of the cluster's ConfigMap, else those that the process was
/// started with. What cannot be used is refused as a whole, and the last good ones go on, also past
/// the end of the process: until the API server has been heard, the next one begins with them.
final class LiveSettings {
  static final ObjectKey OBJECT = new ObjectKey("kube-system", "fairway-podnet");
  private static final Logger LOG = LoggerFactory.getLogger(LiveSettings.class);
  private static final String KEY = "podnet.yaml";

  private final PodNetworkSettings initial;
  private final Path lastGood;
  private PodNetworkSettings current;
  private Optional<String> refusal = Optional.empty();

  private LiveSettings(PodNetworkSettings initial, PodNetworkSettings current, Path lastGood) {
    this.initial = initial;
    this.current = current;
    this.lastGood = lastGood;
  }

  /// @param initial for a cluster that has none of its own
  /// @param lastGood the file that keeps the cluster's
  static LiveSettings begin(PodNetworkSettings initial, Path lastGood) {
    PodNetworkSettings first = initial;
    try {
      if (Files.exists(lastGood)) {
        first = PodNetworkSettings.parse(Files.readString(lastGood));
      }
    } catch (IOException | InvalidSettings e) {
      LOG.warn("The settings kept in {} are of no use: {}", lastGood, e.getMessage());
    }
    return new LiveSettings(initial, first, lastGood);
  }

  PodNetworkSettings current() {
    return current;
  }

  /// Why the cluster's settings are not those that count.
  Optional<String> refusal() {
    return refusal;
  }

  void set(PodNetworkSettings wanted) {
    current = wanted;
    refusal = Optional.empty();
  }

  /// @param object the ConfigMap, empty if the cluster has none
  void follow(Optional<ConfigMap> object) {
    follow(object, settings -> {});
  }

  /// @param check throws [InvalidSettings] if this machine cannot have them
  void follow(Optional<ConfigMap> object, Consumer<PodNetworkSettings> check) {
    if (object.isEmpty()) {
      set(initial);
      keep(Optional.empty());
      return;
    }
    Map<String, String> data = object.get().getData();
    String text = data == null ? null : data.get(KEY);
    try {
      if (text == null) {
        throw new InvalidSettings("data", "has no key " + KEY);
      }
      PodNetworkSettings wanted = PodNetworkSettings.parse(text);
      check.accept(wanted);
      if (refusal.isPresent() || !wanted.equals(current) || !Files.exists(lastGood)) {
        keep(Optional.of(text));
      }
      set(wanted);
    } catch (InvalidSettings e) {
      refusal =
          Optional.of(
              "ConfigMap "
                  + OBJECT.namespace()
                  + "/"
                  + OBJECT.name()
                  + ", key "
                  + KEY
                  + ": "
                  + e.getMessage()
                  + "; the settings before it go on");
    }
  }

  /// Not being able to costs only the next process some seconds with settings of its own.
  private void keep(Optional<String> text) {
    try {
      if (text.isEmpty()) {
        Files.deleteIfExists(lastGood);
        return;
      }
      Path fresh = lastGood.resolveSibling(lastGood.getFileName() + ".new");
      Files.writeString(fresh, text.get());
      Files.move(fresh, lastGood, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      LOG.warn("The settings cannot be kept for the next start: {}", e.toString());
    }
  }
}
