// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.admission;

import dev.fairway.apimachinery.GeneratedNames;
import dev.fairway.apimachinery.StatusException;
import dev.fairway.apimachinery.Trees;
import dev.fairway.apiserver.registry.Lookup;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// Gives every pod a service account and, unless it does not want one, the account's token as
/// files.
final class ServiceAccountMount implements AdmissionStep {
  static final String MOUNT_PATH = "/var/run/secrets/kubernetes.io/serviceaccount";

  /// Seven seconds more than an hour tells such a token from one asked for by hand.
  private static final int EXPIRATION_SECONDS = 3607;

  /// A new namespace gets its account from a controller; a pod may be a little faster.
  private static final int ACCOUNT_TRIES = 30;

  private static final Duration ACCOUNT_WAIT = Duration.ofMillis(100);
  private static final String MIRROR = "kubernetes.io/config.mirror";

  private final Lookup lookup;

  ServiceAccountMount(Lookup lookup) {
    this.lookup = lookup;
  }

  @Override
  public String name() {
    return "ServiceAccount";
  }

  @Override
  public void admit(Admission admission) {
    ObjectNode pod = admission.object();
    if (!admission.creates("", "Pod") || Trees.at(pod, "metadata", "annotations", MIRROR) != null) {
      return;
    }
    ObjectNode spec = Trees.child(pod, "spec");
    String name = Trees.text(spec, "serviceAccountName");
    if (name.isEmpty()) {
      name = Trees.text(spec, "serviceAccount");
    }
    if (name.isEmpty()) {
      name = "default";
    }
    spec.put("serviceAccountName", name);
    spec.put("serviceAccount", name);
    ObjectNode account = account(admission.namespace(), name);
    if (account == null) {
      throw StatusException.forbidden(
          admission.kind(),
          Trees.text(pod, "metadata", "name"),
          "error looking up service account "
              + admission.namespace()
              + "/"
              + name
              + ": serviceaccount \""
              + name
              + "\" not found");
    }
    JsonNode pullSecrets = Trees.at(account, "imagePullSecrets");
    if (pullSecrets != null && Trees.at(spec, "imagePullSecrets") == null) {
      spec.set("imagePullSecrets", pullSecrets);
    }
    if (wantsToken(spec, account)) {
      mount(spec);
    }
  }

  private @Nullable ObjectNode account(String namespace, String name) {
    ObjectNode account = lookup.get("", "ServiceAccount", namespace, name);
    for (int i = 0; account == null && name.equals("default") && i < ACCOUNT_TRIES; i++) {
      LockSupport.parkNanos(ACCOUNT_WAIT.toNanos());
      account = lookup.get("", "ServiceAccount", namespace, name);
    }
    return account;
  }

  private static boolean wantsToken(JsonNode spec, JsonNode account) {
    JsonNode own = Trees.at(spec, "automountServiceAccountToken");
    if (own != null) {
      return own.asBoolean();
    }
    JsonNode ofAccount = Trees.at(account, "automountServiceAccountToken");
    return ofAccount == null || ofAccount.asBoolean();
  }

  private static void mount(ObjectNode spec) {
    String volume = GeneratedNames.from("kube-api-access-");
    boolean used = false;
    for (String list : List.of("containers", "initContainers")) {
      for (JsonNode container : Trees.items(spec, list)) {
        if (container instanceof ObjectNode one && !hasMount(one)) {
          used = true;
          mounts(one)
              .addObject()
              .put("name", volume)
              .put("readOnly", true)
              .put("mountPath", MOUNT_PATH);
        }
      }
    }
    if (used) {
      ArrayNode volumes =
          spec.get("volumes") instanceof ArrayNode list ? list : spec.putArray("volumes");
      volumes.add(volume(volume));
    }
  }

  private static ArrayNode mounts(ObjectNode container) {
    return container.get("volumeMounts") instanceof ArrayNode list
        ? list
        : container.putArray("volumeMounts");
  }

  private static boolean hasMount(ObjectNode container) {
    for (JsonNode mount : Trees.items(container, "volumeMounts")) {
      if (Trees.text(mount, "mountPath").equals(MOUNT_PATH)) {
        return true;
      }
    }
    return false;
  }

  private static ObjectNode volume(String name) {
    ObjectNode volume = Trees.object();
    volume.put("name", name);
    ObjectNode projected = volume.putObject("projected");
    projected.put("defaultMode", 0644);
    ArrayNode sources = projected.putArray("sources");
    sources
        .addObject()
        .putObject("serviceAccountToken")
        .put("expirationSeconds", EXPIRATION_SECONDS)
        .put("path", "token");
    ObjectNode configMap = sources.addObject().putObject("configMap");
    configMap.put("name", "kube-root-ca.crt");
    configMap.putArray("items").addObject().put("key", "ca.crt").put("path", "ca.crt");
    ObjectNode namespace =
        sources.addObject().putObject("downwardAPI").putArray("items").addObject();
    namespace.put("path", "namespace");
    namespace.putObject("fieldRef").put("apiVersion", "v1").put("fieldPath", "metadata.namespace");
    return volume;
  }
}
