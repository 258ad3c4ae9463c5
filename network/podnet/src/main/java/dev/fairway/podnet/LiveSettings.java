// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet;

import dev.fairway.podnet.settings.InvalidSettings;
import dev.fairway.podnet.settings.PodNetworkSettings;
import dev.fairway.reconcile.ObjectKey;
import io.fabric8.kubernetes.api.model.ConfigMap;
import java.util.Map;
import java.util.Optional;

/// The settings that count: those of the cluster's ConfigMap, else those that the process was
/// started with. What cannot be used is refused as a whole, and the last good ones go on.
final class LiveSettings {
  static final ObjectKey OBJECT = new ObjectKey("kube-system", "fairway-podnet");
  private static final String KEY = "podnet.yaml";

  private final PodNetworkSettings initial;
  private PodNetworkSettings current;
  private Optional<String> refusal = Optional.empty();

  LiveSettings(PodNetworkSettings initial) {
    this.initial = initial;
    this.current = initial;
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

  void follow(Optional<ConfigMap> object) {
    if (object.isEmpty()) {
      set(initial);
      return;
    }
    Map<String, String> data = object.get().getData();
    String text = data == null ? null : data.get(KEY);
    try {
      if (text == null) {
        throw new InvalidSettings("data", "has no key " + KEY);
      }
      set(PodNetworkSettings.parse(text));
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
}
