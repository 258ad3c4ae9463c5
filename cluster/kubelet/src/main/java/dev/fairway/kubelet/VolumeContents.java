// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet;

import dev.fairway.kubelet.AtomicDirectory.Content;
import dev.fairway.reconcile.SteadyTime;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.DownwardAPIVolumeFile;
import io.fabric8.kubernetes.api.model.KeyToPath;
import io.fabric8.kubernetes.api.model.ProjectedVolumeSource;
import io.fabric8.kubernetes.api.model.Secret;
import io.fabric8.kubernetes.api.model.ServiceAccountTokenProjection;
import io.fabric8.kubernetes.api.model.Volume;
import io.fabric8.kubernetes.api.model.VolumeProjection;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;

/// The files of volumes that are made from objects of the cluster.
final class VolumeContents {
  private static final int DEFAULT_MODE = 0644;
  private static final Duration DEFAULT_TOKEN_LIFETIME = Duration.ofHours(1);

  private final ClusterObjects objects;
  private final Map<TokenKey, HeldToken> tokens = new ConcurrentHashMap<>();

  VolumeContents(ClusterObjects objects) {
    this.objects = objects;
  }

  private record TokenKey(String uid, String volume, String path) {}

  /// @param renew by the time that no step of a clock changes, which stands still while the machine
  ///   is suspended
  /// @param renewByClock by the machine's clock, which goes on then
  record HeldToken(String text, Instant renew, Instant renewByClock) {
    static HeldToken of(ClusterObjects.Token token, Duration asked, Instant now, Instant clock) {
      Duration left = Duration.between(clock, token.expires());
      // One that is worth nothing or more than was asked for: this machine's clock is wrong.
      boolean right = left.isPositive() && left.compareTo(asked) <= 0;
      Duration rest = (right ? left : asked).dividedBy(5);
      Instant byClock = token.expires().minus(rest);
      return new HeldToken(
          token.text(),
          now.plus(rest.multipliedBy(4)),
          byClock.isAfter(clock) ? byClock : Instant.MAX); // or it would be renewed at each look
    }

    boolean isFresh(Instant now, Instant clock) {
      return now.isBefore(renew) && clock.isBefore(renewByClock);
    }
  }

  /// The directory name of the volume's kind; empty if there is nothing to make files from.
  static String plugin(Volume volume) {
    if (volume.getConfigMap() != null) {
      return "configmap";
    }
    if (volume.getSecret() != null) {
      return "secret";
    }
    if (volume.getDownwardAPI() != null) {
      return "downward-api";
    }
    return volume.getProjected() != null ? "projected" : "";
  }

  Map<String, Content> of(Volume volume, PodFields fields) throws NotReadyException {
    String namespace = fields.pod().getMetadata().getNamespace();
    Map<String, Content> files = new TreeMap<>();
    if (volume.getConfigMap() != null) {
      var source = volume.getConfigMap();
      int mode = mode(source.getDefaultMode(), DEFAULT_MODE);
      var values = config(namespace, source.getName());
      put(
          files,
          values,
          "configmap",
          source.getName(),
          source.getItems(),
          source.getOptional(),
          mode);
    } else if (volume.getSecret() != null) {
      var source = volume.getSecret();
      int mode = mode(source.getDefaultMode(), DEFAULT_MODE);
      var values = secret(namespace, source.getSecretName());
      put(
          files,
          values,
          "secret",
          source.getSecretName(),
          source.getItems(),
          source.getOptional(),
          mode);
    } else if (volume.getDownwardAPI() != null) {
      var source = volume.getDownwardAPI();
      downward(files, source.getItems(), fields, mode(source.getDefaultMode(), DEFAULT_MODE));
    } else {
      projected(files, volume.getName(), volume.getProjected(), fields);
    }
    return files;
  }

  void forget(String uid) {
    tokens.keySet().removeIf(key -> key.uid().equals(uid));
  }

  private void projected(
      Map<String, Content> files, String volume, ProjectedVolumeSource source, PodFields fields)
      throws NotReadyException {
    if (source.getSources() == null) {
      return;
    }
    String namespace = fields.pod().getMetadata().getNamespace();
    int mode = mode(source.getDefaultMode(), DEFAULT_MODE);
    for (VolumeProjection part : source.getSources()) {
      if (part.getConfigMap() != null) {
        var from = part.getConfigMap();
        var values = config(namespace, from.getName());
        put(files, values, "configmap", from.getName(), from.getItems(), from.getOptional(), mode);
      }
      if (part.getSecret() != null) {
        var from = part.getSecret();
        var values = secret(namespace, from.getName());
        put(files, values, "secret", from.getName(), from.getItems(), from.getOptional(), mode);
      }
      if (part.getDownwardAPI() != null) {
        downward(files, part.getDownwardAPI().getItems(), fields, mode);
      }
      if (part.getServiceAccountToken() != null) {
        ServiceAccountTokenProjection from = part.getServiceAccountToken();
        byte[] token = token(volume, from, fields).getBytes(StandardCharsets.UTF_8);
        files.put(from.getPath(), new Content(token, mode));
      }
    }
  }

  /// A token is renewed after four fifths of its life, by whichever time says so first.
  private String token(String volume, ServiceAccountTokenProjection source, PodFields fields) {
    PodRef pod = PodRef.of(fields.pod());
    TokenKey key = new TokenKey(pod.uid(), volume, source.getPath());
    HeldToken held = tokens.get(key);
    Instant now = SteadyTime.now();
    if (held != null && held.isFresh(now, Instant.now())) {
      return held.text();
    }
    String account = fields.pod().getSpec().getServiceAccountName();
    Long seconds = source.getExpirationSeconds();
    Duration asked = seconds == null ? DEFAULT_TOKEN_LIFETIME : Duration.ofSeconds(seconds);
    String audience = source.getAudience();
    ClusterObjects.Token token =
        objects.token(
            pod,
            account == null || account.isEmpty() ? "default" : account,
            audience == null || audience.isEmpty() ? List.of() : List.of(audience),
            asked);
    tokens.put(key, HeldToken.of(token, asked, now, Instant.now()));
    return token.text();
  }

  private static void downward(
      Map<String, Content> files,
      List<DownwardAPIVolumeFile> items,
      PodFields fields,
      int defaultMode)
      throws NotReadyException {
    if (items == null) {
      return;
    }
    for (DownwardAPIVolumeFile item : items) {
      String text;
      if (item.getFieldRef() != null) {
        text = fields.field(item.getFieldRef().getFieldPath());
      } else {
        var selector = item.getResourceFieldRef();
        text = fields.resource(selector, container(fields, selector.getContainerName()));
      }
      byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
      files.put(item.getPath(), new Content(bytes, mode(item.getMode(), defaultMode)));
    }
  }

  private static Container container(PodFields fields, String name) throws NotReadyException {
    return RestartRule.apps(fields.pod()).stream()
        .filter(container -> container.getName().equals(name))
        .findFirst()
        .orElseThrow(() ->
            new NotReadyException("FailedMount", "the pod has no container \"" + name + "\""));
  }

  private static void put(
      Map<String, Content> files,
      Optional<Map<String, byte[]>> found,
      String kind,
      String name,
      List<KeyToPath> items,
      Boolean optional,
      int defaultMode)
      throws NotReadyException {
    boolean may = Boolean.TRUE.equals(optional);
    if (found.isEmpty()) {
      if (may) {
        return;
      }
      throw new NotReadyException("FailedMount", kind + " \"" + name + "\" not found");
    }
    Map<String, byte[]> values = found.get();
    if (items == null || items.isEmpty()) {
      values.forEach((key, bytes) -> files.put(key, new Content(bytes, defaultMode)));
      return;
    }
    for (KeyToPath item : items) {
      byte[] bytes = values.get(item.getKey());
      if (bytes != null) {
        files.put(item.getPath(), new Content(bytes, mode(item.getMode(), defaultMode)));
      } else if (!may) {
        throw new NotReadyException(
            "FailedMount", kind + " \"" + name + "\" has no key \"" + item.getKey() + "\"");
      }
    }
  }

  private Optional<Map<String, byte[]>> config(String namespace, String name) {
    return objects.configMap(namespace, name).map(VolumeContents::bytes);
  }

  private Optional<Map<String, byte[]>> secret(String namespace, String name) {
    return objects.secret(namespace, name).map(VolumeContents::bytes);
  }

  private static Map<String, byte[]> bytes(Secret secret) {
    return decoded(secret.getData());
  }

  private static Map<String, byte[]> bytes(ConfigMap map) {
    Map<String, byte[]> values = decoded(map.getBinaryData());
    if (map.getData() != null) {
      map.getData().forEach((key, text) -> values.put(key, text.getBytes(StandardCharsets.UTF_8)));
    }
    return values;
  }

  private static Map<String, byte[]> decoded(Map<String, String> base64) {
    Map<String, byte[]> values = new LinkedHashMap<>();
    if (base64 != null) {
      base64.forEach((key, text) -> values.put(key, Base64.getDecoder().decode(text)));
    }
    return values;
  }

  private static int mode(Integer mode, int otherwise) {
    return mode == null ? otherwise : mode;
  }
}
